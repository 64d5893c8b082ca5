"""Connects with a good, a wrong and an unknown user name and password, in both versions. Arguments: host, port, user name, password."""

import sys

import paho.mqtt.client as mqtt
from support import Peer, assert_equal

USER_NAME, PASSWORD = sys.argv[3], sys.argv[4]


def connect(protocol, user_name, password):
    peer = Peer("paho", protocol=protocol)
    if user_name is not None:
        peer.client.username_pw_set(user_name, password)
    code, _session_present = peer.connect()
    peer.client.loop_stop()
    return code


for protocol in (mqtt.MQTTv31, mqtt.MQTTv311):
    assert_equal(connect(protocol, USER_NAME, PASSWORD), 0)
    assert_equal(connect(protocol, USER_NAME, PASSWORD + "."), 4)
    assert_equal(connect(protocol, USER_NAME, None), 4)
    assert_equal(connect(protocol, "nobody", PASSWORD), 4)
    assert_equal(connect(protocol, None, None), 5)
print("as expected")
