"""A session with Clean Session 0 keeps its subscriptions and what comes while its client is away; one with Clean Session 1 keeps nothing."""

from support import Peer, assert_equal

publisher = Peer("publisher")
publisher.connect()

first = Peer("device123", clean_session=False)
assert_equal(first.connect(), (0, 0))
assert_equal(first.subscribe("commands/device123/#", 2), [2])
first.vanish()

expected = []
for qos in (1, 2):
    for number in range(50):
        publisher.publish(f"commands/device123/{qos}", str(number), qos=qos)
        expected.append((f"commands/device123/{qos}", str(number), qos, False))
publisher.publish("commands/device123/0", "only for those who are there", qos=0)

second = Peer("device123", clean_session=False)
assert_equal(second.connect(), (0, 1))
received = second.receive(len(expected))
# Order is promised for each topic.
assert_equal(sorted(received, key=lambda message: message[2]), expected)
second.disconnect()

fresh = Peer("device123", clean_session=True)
assert_equal(fresh.connect(), (0, 0))
publisher.publish("commands/device123/1", "not for a fresh session", qos=1)
fresh.subscribe("end", 1)
publisher.publish("end", "", qos=1)
assert_equal(fresh.receive(1), [("end", "", 1, False)])
print("as expected")
