"""The server's HTTP protocol, with an end to how long a request's head may be."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Far above what `entrance` refuses in a sentence: this is for who never comes to an end.
MOST_HEAD_BYTES = 512 * 1024


class CappedHttp(HttpToolsProtocol):
    """Cuts off who sends a head without end: the parser would keep it all."""

    _in_head = True
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self.send_400_response("The head of the request is too large.")
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()
