#!/bin/sh
# Mosquitto, told to read its accounts again whenever the accounts process has replaced them.
cd /mosquitto/accounts || exit 1
mosquitto -c mosquitto.conf &
broker=$!
trap 'kill -TERM "$broker"' TERM INT
seen=$(stat -c %i.%Y passwords)
while kill -0 "$broker" 2>/dev/null; do
    sleep 1 &
    wait $!
    now=$(stat -c %i.%Y passwords)
    if [ "$now" != "$seen" ]; then
        seen=$now
        kill -HUP "$broker"
    fi
done
wait "$broker"
