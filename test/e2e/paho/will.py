"""The will is sent when the connection is lost, kept when it is retained, and not sent after a DISCONNECT."""

from support import Peer, assert_equal

watcher = Peer("watcher")
watcher.connect()
watcher.subscribe("status/#", 2)

polite = Peer("polite", will=("status/polite", "lost", 1, True))
polite.connect()
polite.disconnect()

lost = Peer("lost", will=("status/lost", "lost", 2, True))
lost.connect()
lost.vanish()
assert_equal(watcher.receive(1), [("status/lost", "lost", 2, False)])

late = Peer("late")
late.connect()
late.subscribe("status/#", 1)
assert_equal(late.receive(1), [("status/lost", "lost", 1, True)])
late.publish("status/end", "", qos=1)
assert_equal(watcher.receive(1), [("status/end", "", 1, False)])
print("as expected")
