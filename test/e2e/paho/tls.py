"""Over TLS with a certificate of the client, on a stream or in a WebSocket."""

import sys

from support import Peer, assert_equal

CA, CERT, KEY, TRANSPORT = sys.argv[3:7]

peer = Peer("meter-7", transport=TRANSPORT)
peer.client.tls_set(ca_certs=CA, certfile=CERT, keyfile=KEY)
assert_equal(peer.connect(), (0, 0))
assert_equal(peer.subscribe("readings/#", 2), [2])
for qos in (0, 1, 2):
    peer.publish("readings/secret", f"sent with {qos}", qos=qos)
assert_equal(peer.receive(3), [("readings/secret", f"sent with {qos}", qos, False) for qos in (0, 1, 2)])
peer.disconnect()
print("as expected")
