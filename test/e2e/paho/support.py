"""Paho with what a check needs around it: everything that happens is put into a queue, and whoever waits for it says what it waits for."""

import queue
import sys

import paho.mqtt.client as mqtt

# A guard against waiting for ever; nothing is expected to take this long.
GUARD_S = 20

HOST, PORT = sys.argv[1], int(sys.argv[2])


class Peer:
    """A client with its own network thread."""

    def __init__(self, client_id, clean_session=True, protocol=mqtt.MQTTv311, will=None, transport="tcp"):
        # Version 2 of Paho wants to be told that the callbacks are those of version 1.
        versions = getattr(mqtt, "CallbackAPIVersion", None)
        first = [] if versions is None else [versions.VERSION1]
        self.client = mqtt.Client(*first, client_id=client_id, clean_session=clean_session, protocol=protocol, transport=transport)
        self.connacks = queue.Queue()
        self.subacks = queue.Queue()
        self.messages = queue.Queue()
        self.disconnects = queue.Queue()
        self.client.on_connect = lambda _client, _data, flags, code: self.connacks.put((code, flags["session present"]))
        self.client.on_subscribe = lambda _client, _data, _mid, granted: self.subacks.put(list(granted))
        self.client.on_message = lambda _client, _data, message: self.messages.put(message)
        self.client.on_disconnect = lambda _client, _data, code: self.disconnects.put(code)
        if will is not None:
            self.client.will_set(*will)

    def connect(self):
        """Returns the return code and session present."""
        self.client.connect(HOST, PORT, keepalive=60)
        self.client.loop_start()
        return self.connacks.get(timeout=GUARD_S)

    def subscribe(self, topic_filter, qos):
        self.client.subscribe(topic_filter, qos=qos)
        return self.subacks.get(timeout=GUARD_S)

    def publish(self, topic, payload, qos=0, retain=False):
        """Waits until it is acknowledged."""
        self.client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish()

    def receive(self, count):
        """The next ones in order of arrival, as (topic, text, QoS, retain)."""
        messages = [self.messages.get(timeout=GUARD_S) for _ in range(count)]
        return [(message.topic, message.payload.decode(), message.qos, bool(message.retain)) for message in messages]

    def disconnect(self):
        self.client.disconnect()
        assert_equal(self.disconnects.get(timeout=GUARD_S), 0)
        self.client.loop_stop()

    def vanish(self):
        """The connection is lost without a DISCONNECT, and nobody reconnects."""
        self.client.loop_stop()
        self.client.socket().close()


def assert_equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"expected {expected!r}, got {actual!r}")
