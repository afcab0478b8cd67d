#!/bin/sh
# Mosquitto, told to read accounts and revocations again whenever the accounts process has replaced them.
cd /mosquitto/accounts || exit 1
export OPENSSL_CONF=/mosquitto/accounts/openssl.cnf
look() { stat -c %i.%Y passwords crl.pem 2>/dev/null; }
mosquitto -c mosquitto.conf &
broker=$!
trap 'kill -TERM "$broker"' TERM INT
seen=$(look)
while kill -0 "$broker" 2>/dev/null; do
    sleep 1 &
    wait $!
    now=$(look)
    if [ "$now" != "$seen" ]; then
        seen=$now
        kill -HUP "$broker"
    fi
done
wait "$broker"
