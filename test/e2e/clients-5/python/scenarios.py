"""The scenarios with Eclipse Paho for Python 2 in version 5 mode: one JSON line for each.

Arguments: host and port of the broker.
"""

import json
import queue
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

HOST, PORT = sys.argv[1], int(sys.argv[2])
# A guard against waiting without a limit; nothing is expected to take this long.
GUARD_S = 20

REPORTED = {
    "MessageExpiryInterval": "expiry",
    "ContentType": "contentType",
    "ResponseTopic": "responseTopic",
    "UserProperty": "userProperties",
    "SubscriptionIdentifier": "identifiers",
}


def properties(kind, **values):
    made = Properties(kind)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Peer:
    """A client with its own network thread. What the broker sends is put into queues."""

    def __init__(self, client_id, will=None, stored=False, clean=None, keepalive=60, **connect_properties):
        version = mqtt.CallbackAPIVersion.VERSION2
        self.client = mqtt.Client(version, client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
        self.connacks, self.subacks, self.unsubacks, self.published = (queue.Queue() for _ in range(4))
        self.messages, self.disconnects = queue.Queue(), queue.Queue()
        self.aliases = {}
        self.client.on_connect = lambda _c, _d, flags, _code, given: self.connacks.put((flags.session_present, given))
        self.client.on_subscribe = lambda _c, _d, _m, codes, _p: self.subacks.put([code.value for code in codes])
        self.client.on_unsubscribe = lambda _c, _d, _m, codes, _p: self.unsubacks.put([code.value for code in codes])
        self.client.on_publish = lambda _c, _d, _m, code, _p: self.published.put(code.value)
        self.client.on_disconnect = lambda _c, _d, _f, code, _p: self.disconnects.put(code.value)
        self.client.on_message = lambda _c, _d, message: self.messages.put(self.reported(message))
        if will is not None:
            topic, will_properties = will
            given = properties(PacketTypes.WILLMESSAGE, **will_properties)
            self.client.will_set(topic, "gone", qos=1, properties=given)
        if stored:
            connect_properties.setdefault("SessionExpiryInterval", 300)
        connecting = properties(PacketTypes.CONNECT, **connect_properties)
        clean = not stored if clean is None else clean
        self.client.connect(HOST, PORT, keepalive, clean_start=clean, properties=connecting)
        self.client.loop_start()
        self.present, self.connack = self.connacks.get(timeout=GUARD_S)

    def reported(self, message):
        """A message as every client of the suite reports it. Paho leaves the topics of aliases to the program."""
        given = message.properties
        alias = getattr(given, "TopicAlias", None)
        topic = message.topic
        if alias is not None:
            topic = self.aliases.setdefault(alias, topic) if topic == "" else topic
            self.aliases[alias] = topic
        report = {"topic": topic, "payload": message.payload.decode(), "qos": message.qos, "retain": message.retain}
        report.update((name, getattr(given, key)) for key, name in REPORTED.items() if hasattr(given, key))
        if hasattr(given, "PayloadFormatIndicator"):
            report["isText"] = given.PayloadFormatIndicator == 1
        if hasattr(given, "CorrelationData"):
            report["correlationData"] = given.CorrelationData.hex()
        return report

    def subscribe(self, *filters, qos=1, identifier=None, **options):
        given = {} if identifier is None else {"SubscriptionIdentifier": identifier}
        subscriptions = [(each, SubscribeOptions(qos, **options)) for each in filters]
        self.client.subscribe(subscriptions, properties=properties(PacketTypes.SUBSCRIBE, **given))
        return self.subacks.get(timeout=GUARD_S)

    def unsubscribe(self, *filters):
        self.client.unsubscribe(list(filters))
        return self.unsubacks.get(timeout=GUARD_S)

    def publish(self, topic, payload, qos=1, retain=False, **given):
        """The Reason Code that acknowledged it."""
        self.client.publish(topic, payload, qos, retain, properties(PacketTypes.PUBLISH, **given))
        return self.published.get(timeout=GUARD_S)

    def receive(self, count):
        return [self.messages.get(timeout=GUARD_S) for _ in range(count)]

    def receive_until(self, topic):
        messages = []
        while (message := self.messages.get(timeout=GUARD_S))["topic"] != topic:
            messages.append(message)
        return messages

    def end(self, code="Normal disconnection", **given):
        self.client.disconnect(ReasonCode(PacketTypes.DISCONNECT, code), properties(PacketTypes.DISCONNECT, **given))
        self.disconnects.get(timeout=GUARD_S)
        self.client.loop_stop()

    def vanish(self):
        """The connection is lost without a DISCONNECT."""
        self.client.loop_stop()
        self.client.socket().close()


def connack():
    given = Peer("", stored=True, clean=True, keepalive=600, SessionExpiryInterval=7200).connack
    return {
        "assignedClientIdentifier": given.AssignedClientIdentifier,
        "receiveMaximum": given.ReceiveMaximum,
        "topicAliasMaximum": given.TopicAliasMaximum,
        "serverKeepAlive": given.ServerKeepAlive,
        "sessionExpiryInterval": given.SessionExpiryInterval,
    }


def session():
    first = Peer("session", stored=True)
    first.subscribe("session/+", qos=2)
    first.end()
    publisher = Peer("session-publisher")
    for qos in (1, 2):
        publisher.publish(f"session/{qos}", f"at {qos}", qos)
    second = Peer("session", stored=True)
    messages = second.receive(2)
    second.end(SessionExpiryInterval=0)
    third = Peer("session", stored=True)
    return {"present": [peer.present for peer in (first, second, third)], "messages": messages}


def will():
    watcher = Peer("will-watcher")
    watcher.subscribe("will/+")

    def with_will(name, delay):
        given = {"WillDelayInterval": delay, "ContentType": "text/plain", "UserProperty": [("of", name)]}
        return Peer(f"will-{name}", stored=True, will=(f"will/{name}", given))

    with_will("disconnected", 0).end("Disconnect with will message")
    messages = watcher.receive(1)
    # The end of a session publishes a will that waits; this one does not wait any more.
    with_will("cancelled", 300).vanish()
    Peer("will-cancelled", stored=True).end(SessionExpiryInterval=0)
    with_will("session-ended", 300).vanish()
    Peer("will-session-ended")
    messages += watcher.receive(1)
    with_will("delayed", 1).vanish()
    return {"messages": messages + watcher.receive(1)}


def expiry():
    away = Peer("expiry", stored=True)
    away.subscribe("expiry/+")
    away.end()
    publisher = Peer("expiry-publisher")
    publisher.publish("expiry/short", "expires", MessageExpiryInterval=1)
    publisher.publish("expiry/long", "stays", MessageExpiryInterval=100)
    time.sleep(2)
    return {"messages": Peer("expiry", stored=True).receive(1)}


def aliases():
    subscriber = Peer("aliases-subscriber", TopicAliasMaximum=5)
    subscriber.subscribe("alias/+")
    publisher = Peer("aliases-publisher")
    for i in range(6):
        publisher.publish(f"alias/{i % 2}" if i < 2 else "", str(i), TopicAlias=1 + i % 2)
    return {"messages": subscriber.receive(6)}


def shared():
    members = [Peer("shared-1"), Peer("shared-2")]
    for member in members:
        member.subscribe("$share/group/shared/+", "end")
    publisher = Peer("shared-publisher")
    for i in range(10):
        publisher.publish(f"shared/{i}", str(i))
    publisher.publish("end", "end")
    return {"members": [member.receive_until("end") for member in members]}


def request():
    responder, requester = Peer("responder"), Peer("requester")
    responder.subscribe("request/+")
    requester.subscribe("response/requester")
    requester.publish("request/sum", "1+2", ResponseTopic="response/requester", CorrelationData=bytes([0, 1, 255]))
    [asked] = responder.receive(1)
    responder.publish(asked["responseTopic"], "3", CorrelationData=bytes.fromhex(asked["correlationData"]))
    return {"request": asked, "response": requester.receive(1)[0]}


def message_properties():
    subscriber, publisher = Peer("properties"), Peer("properties-publisher")
    subscriber.subscribe("properties/live")
    user_properties = [("b", "1"), ("a", "2"), ("b", "3"), ("größe", "")]
    given = {"PayloadFormatIndicator": 1, "ContentType": "text/plain", "UserProperty": user_properties}
    publisher.publish("properties/live", "Grüße", **given)
    publisher.publish("properties/retained", "Grüße", retain=True, **given)
    messages = subscriber.receive(1)
    subscriber.subscribe("properties/retained")
    return {"messages": messages + subscriber.receive(1)}


def identifiers():
    subscriber, publisher = Peer("identifiers"), Peer("identifiers-publisher")
    subscriber.subscribe("identifiers/#", identifier=7)
    subscriber.subscribe("identifiers/+", identifier=200)
    publisher.publish("identifiers/both", "x")
    publisher.publish("identifiers/only/one", "y")
    return {"messages": subscriber.receive(2)}


def options():
    subscriber, publisher = Peer("options"), Peer("options-publisher")
    publisher.publish("options/before", "not wanted", retain=True)
    subscriber.subscribe("options/+", noLocal=True, retainAsPublished=True, retainHandling=2)
    subscriber.publish("options/own", "not wanted")
    publisher.publish("options/after", "wanted", retain=True)
    return {"messages": subscriber.receive(1)}


def reasons():
    peer = Peer("reasons")
    got = {
        "unheard": [peer.publish("unheard", "x", qos) for qos in (1, 2)],
        "denied": [peer.publish("forbidden/x", "x", qos) for qos in (1, 2)],
        "subscribed": peer.subscribe("forbidden/x", "allowed"),
        "unsubscribed": peer.unsubscribe("allowed", "unknown"),
    }
    Peer("reasons")
    return {**got, "takenOver": peer.disconnects.get(timeout=GUARD_S)}


for play in (
    *(connack, session, will, expiry, aliases, shared, request),
    *(message_properties, identifiers, options, reasons),
):
    print(json.dumps({"scenario": play.__name__.removeprefix("message_"), **play()}), flush=True)
# Paho for Python has no AUTH packet.
print(json.dumps({"scenario": "scram", "cannot": "no AUTH packet"}))
