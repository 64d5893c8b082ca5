// The scenarios with Paho for Go, and `session` with autopaho: one JSON line for each. Arguments: host and port of the
// broker.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/extensions/topicaliases"
)

type Report map[string]any

func connack() Report {
	given := connect("", Options{stored: true, clean: true, expiry: 7200, keepAlive: 600}).connack.Properties
	return Report{
		"assignedClientIdentifier": given.AssignedClientID,
		"receiveMaximum":           given.ReceiveMaximum,
		"topicAliasMaximum":        given.TopicAliasMaximum,
		"serverKeepAlive":          given.ServerKeepAlive,
		"sessionExpiryInterval":    given.SessionExpiryInterval,
	}
}

// autopaho connects again by itself when the connection is lost; here it waits until messages are queued.
func session() Report {
	messages, connacks := make(chan Message, 10), make(chan *paho.Connack, 10)
	conns, mayConnect := make(chan net.Conn, 10), make(chan struct{}, 10)
	manager := must(autopaho.NewConnection(context.Background(), autopaho.ClientConfig{
		ServerUrls:            []*url.URL{must(url.Parse("mqtt://" + address))},
		KeepAlive:             60,
		SessionExpiryInterval: 300,
		AttemptConnection: func(context.Context, autopaho.ClientConfig, *url.URL) (net.Conn, error) {
			<-mayConnect
			conn, err := net.Dial("tcp", address)
			conns <- conn
			return conn, err
		},
		OnConnectionUp: func(_ *autopaho.ConnectionManager, connack *paho.Connack) { connacks <- connack },
		DisconnectPacketBuilder: func() *paho.Disconnect {
			return &paho.Disconnect{Properties: &paho.DisconnectProperties{SessionExpiryInterval: pointer(uint32(0))}}
		},
		ClientConfig: paho.ClientConfig{
			ClientID:          "session",
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){receiver(messages)},
		},
	}))
	mayConnect <- struct{}{}
	first := take(connacks)
	subscriptions := []paho.SubscribeOptions{{Topic: "session/+", QoS: 2}}
	must(manager.Subscribe(bounded(), &paho.Subscribe{Subscriptions: subscriptions}))
	take(conns).Close()
	publisher := connect("session-publisher", Options{})
	for _, qos := range []byte{1, 2} {
		payload := fmt.Appendf(nil, "at %d", qos)
		publisher.publish(paho.Publish{Topic: "session/" + strconv.Itoa(int(qos)), Payload: payload, QoS: qos})
	}
	mayConnect <- struct{}{}
	second := take(connacks)
	got := []Message{take(messages), take(messages)}
	if err := manager.Disconnect(bounded()); err != nil {
		panic(err)
	}
	third := connect("session", Options{stored: true}).connack
	present := []bool{first.SessionPresent, second.SessionPresent, third.SessionPresent}
	return Report{"present": present, "messages": got}
}

func will() Report {
	watcher := connect("will-watcher", Options{})
	watcher.subscribe("will/+")
	withWill := func(name string, delay uint32) *Peer {
		return connect("will-"+name, Options{
			stored: true,
			will:   &paho.WillMessage{Topic: "will/" + name, Payload: []byte("gone"), QoS: 1},
			willProps: &paho.WillProperties{
				WillDelayInterval: &delay, ContentType: "text/plain", User: paho.UserProperties{{Key: "of", Value: name}},
			},
		})
	}
	withWill("disconnected", 0).Disconnect(&paho.Disconnect{ReasonCode: 4})
	messages := watcher.receive(1)
	// The end of a session publishes a will that waits; this one does not wait any more.
	withWill("cancelled", 300).vanish()
	connect("will-cancelled", Options{stored: true}).endSession()
	withWill("session-ended", 300).vanish()
	connect("will-session-ended", Options{})
	messages = append(messages, watcher.receive(1)...)
	withWill("delayed", 1).vanish()
	return Report{"messages": append(messages, watcher.receive(1)...)}
}

func expiry() Report {
	away := connect("expiry", Options{stored: true})
	away.subscribe("expiry/+")
	away.Disconnect(&paho.Disconnect{})
	publisher := connect("expiry-publisher", Options{})
	publisher.send("expiry/short", "expires", &paho.PublishProperties{MessageExpiry: pointer(uint32(1))})
	publisher.send("expiry/long", "stays", &paho.PublishProperties{MessageExpiry: pointer(uint32(100))})
	time.Sleep(2 * time.Second)
	return Report{"messages": connect("expiry", Options{stored: true}).receive(1)}
}

func aliases() Report {
	subscriber := connect("aliases-subscriber", Options{aliases: 5})
	subscriber.subscribe("alias/+")
	publisher := connect("aliases-publisher", Options{hook: topicaliases.NewTAHandler(5).PublishHook})
	for i := range 6 {
		publisher.send(fmt.Sprint("alias/", i%2), strconv.Itoa(i), nil)
	}
	return Report{"messages": subscriber.receive(6)}
}

func shared() Report {
	members := []*Peer{connect("shared-1", Options{}), connect("shared-2", Options{})}
	for _, member := range members {
		member.subscribe("$share/group/shared/+", "end")
	}
	publisher := connect("shared-publisher", Options{})
	for i := range 10 {
		publisher.send(fmt.Sprint("shared/", i), strconv.Itoa(i), nil)
	}
	publisher.send("end", "end", nil)
	return Report{"members": [][]Message{members[0].receiveUntil("end"), members[1].receiveUntil("end")}}
}

func request() Report {
	responder, requester := connect("responder", Options{}), connect("requester", Options{})
	responder.subscribe("request/+")
	requester.subscribe("response/requester")
	asking := &paho.PublishProperties{ResponseTopic: "response/requester", CorrelationData: []byte{0, 1, 255}}
	requester.send("request/sum", "1+2", asking)
	asked := responder.receive(1)[0]
	correlation := must(hex.DecodeString(asked.CorrelationData))
	responder.send(asked.ResponseTopic, "3", &paho.PublishProperties{CorrelationData: correlation})
	return Report{"request": asked, "response": requester.receive(1)[0]}
}

func properties() Report {
	subscriber, publisher := connect("properties", Options{}), connect("properties-publisher", Options{})
	subscriber.subscribe("properties/live")
	given := &paho.PublishProperties{
		PayloadFormat: pointer(byte(1)), ContentType: "text/plain",
		User: paho.UserProperties{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}, {Key: "b", Value: "3"}, {Key: "größe"}},
	}
	publisher.send("properties/live", "Grüße", given)
	retained := paho.Publish{Topic: "properties/retained", Payload: []byte("Grüße"), QoS: 1, Retain: true}
	retained.Properties = given
	publisher.publish(retained)
	messages := subscriber.receive(1)
	subscriber.subscribe("properties/retained")
	return Report{"messages": append(messages, subscriber.receive(1)...)}
}

func identifiers() Report {
	subscriber, publisher := connect("identifiers", Options{}), connect("identifiers-publisher", Options{})
	for filter, identifier := range map[string]int{"identifiers/#": 7, "identifiers/+": 200} {
		must(subscriber.Subscribe(bounded(), &paho.Subscribe{
			Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}},
			Properties:    &paho.SubscribeProperties{SubscriptionIdentifier: &identifier},
		}))
	}
	publisher.send("identifiers/both", "x", nil)
	publisher.send("identifiers/only/one", "y", nil)
	return Report{"messages": subscriber.receive(2)}
}

func options() Report {
	subscriber, publisher := connect("options", Options{}), connect("options-publisher", Options{})
	retained := func(topic, payload string) {
		publisher.publish(paho.Publish{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: true})
	}
	retained("options/before", "not wanted")
	must(subscriber.Subscribe(bounded(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{
		{Topic: "options/+", QoS: 1, NoLocal: true, RetainAsPublished: true, RetainHandling: 2},
	}}))
	subscriber.send("options/own", "not wanted", nil)
	retained("options/after", "wanted")
	return Report{"messages": subscriber.receive(1)}
}

func reasons() Report {
	peer := connect("reasons", Options{})
	codes := func(topic string) []int {
		return []int{
			int(peer.publish(paho.Publish{Topic: topic, QoS: 1})),
			int(peer.publish(paho.Publish{Topic: topic, QoS: 2})),
		}
	}
	unheard, denied := codes("unheard"), codes("forbidden/x")
	// An error if any filter is refused; the SUBACK comes with it.
	suback, _ := peer.Subscribe(bounded(), &paho.Subscribe{
		Subscriptions: []paho.SubscribeOptions{{Topic: "forbidden/x", QoS: 1}, {Topic: "allowed", QoS: 1}},
	})
	unsuback := must(peer.Unsubscribe(bounded(), &paho.Unsubscribe{Topics: []string{"allowed", "unknown"}}))
	connect("reasons", Options{})
	return Report{
		"unheard": unheard, "denied": denied, "subscribed": integers(suback.Reasons),
		"unsubscribed": integers(unsuback.Reasons), "takenOver": take(peer.disconnects),
	}
}

// integers keeps JSON from writing octets in Base64.
func integers(octets []byte) []int {
	numbers := []int{}
	for _, octet := range octets {
		numbers = append(numbers, int(octet))
	}
	return numbers
}

func scram() Report {
	scram := newScram("alice", "secret")
	peer := connect("", Options{method: method, data: scram.first(), auth: scram})
	isTrusted := scram.trusts(peer.connack.Properties.AuthData)
	// Authenticates again, with a new exchange.
	*scram = *newScram("alice", "secret")
	again := must(peer.Authenticate(bounded(), &paho.Auth{
		ReasonCode: 0x19, Properties: &paho.AuthProperties{AuthMethod: method, AuthData: scram.first()},
	}))
	wrong := newScram("alice", "wrong")
	refused, _ := tryConnect("", Options{method: method, data: wrong.first(), auth: wrong})
	return Report{
		// Paho does not hand over the data of the last AUTH.
		"isTrusted": isTrusted, "again": again.Success, "wrong": refused.connack.ReasonCode,
	}
}

func main() {
	scenarios := []struct {
		name string
		play func() Report
	}{
		{"connack", connack}, {"session", session}, {"will", will}, {"expiry", expiry}, {"aliases", aliases},
		{"shared", shared}, {"request", request}, {"properties", properties}, {"identifiers", identifiers},
		{"options", options}, {"reasons", reasons}, {"scram", scram},
	}
	for _, scenario := range scenarios {
		report := scenario.play()
		report["scenario"] = scenario.name
		if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
			panic(err)
		}
	}
}
