// Paho for Go with what a scenario needs around it. What the broker sends goes into channels.
package main

import (
	"context"
	"encoding/hex"
	"net"
	"os"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// A guard against waiting without a limit; nothing is expected to take this long.
const guard = 20 * time.Second

var address = net.JoinHostPort(os.Args[1], os.Args[2])

// Message is a received message as every client of the suite reports it.
type Message struct {
	Topic           string      `json:"topic"`
	Payload         string      `json:"payload"`
	QoS             byte        `json:"qos"`
	Retain          bool        `json:"retain"`
	Expiry          *uint32     `json:"expiry,omitempty"`
	ContentType     string      `json:"contentType,omitempty"`
	ResponseTopic   string      `json:"responseTopic,omitempty"`
	CorrelationData string      `json:"correlationData,omitempty"`
	IsText          bool        `json:"isText,omitempty"`
	UserProperties  [][2]string `json:"userProperties,omitempty"`
	Identifiers     []int       `json:"identifiers,omitempty"`
}

type Peer struct {
	*paho.Client
	conn        net.Conn
	connack     *paho.Connack
	messages    chan Message
	disconnects chan byte
}

// Options of a connection. Without expiry, the session ends with the connection.
type Options struct {
	stored    bool
	clean     bool
	expiry    uint32
	keepAlive uint16
	aliases   uint16
	hook      func(*paho.Publish)
	will      *paho.WillMessage
	willProps *paho.WillProperties
	method    string
	data      []byte
	auth      paho.Auther
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func pointer[T any](value T) *T { return &value }

func bounded() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	time.AfterFunc(guard, cancel)
	return ctx
}

func take[T any](from chan T) T {
	select {
	case value := <-from:
		return value
	case <-time.After(guard):
		panic("waited in vain")
	}
}

// receiver puts messages into a channel. Paho leaves the topics of aliases to the program.
func receiver(messages chan Message) func(paho.PublishReceived) (bool, error) {
	aliases := map[uint16]string{}
	return func(received paho.PublishReceived) (bool, error) {
		packet := received.Packet
		given := packet.Properties
		if given.TopicAlias != nil {
			if packet.Topic == "" {
				packet.Topic = aliases[*given.TopicAlias]
			}
			aliases[*given.TopicAlias] = packet.Topic
		}
		message := Message{
			Topic: packet.Topic, Payload: string(packet.Payload), QoS: packet.QoS, Retain: packet.Retain,
			Expiry: given.MessageExpiry, ContentType: given.ContentType, ResponseTopic: given.ResponseTopic,
			CorrelationData: hex.EncodeToString(given.CorrelationData),
			IsText:          given.PayloadFormat != nil && *given.PayloadFormat == 1,
		}
		for _, property := range given.User {
			message.UserProperties = append(message.UserProperties, [2]string{property.Key, property.Value})
		}
		if given.SubscriptionIdentifier != nil {
			message.Identifiers = []int{*given.SubscriptionIdentifier}
		}
		messages <- message
		return true, nil
	}
}

func connect(clientID string, options Options) *Peer {
	peer, err := tryConnect(clientID, options)
	if err != nil {
		panic(err)
	}
	return peer
}

func tryConnect(clientID string, options Options) (*Peer, error) {
	conn := must(net.Dial("tcp", address))
	peer := &Peer{conn: conn, messages: make(chan Message, 100), disconnects: make(chan byte, 1)}
	peer.Client = paho.NewClient(paho.ClientConfig{
		ClientID:           clientID,
		Conn:               conn,
		AuthHandler:        options.auth,
		PublishHook:        options.hook,
		OnPublishReceived:  []func(paho.PublishReceived) (bool, error){receiver(peer.messages)},
		OnServerDisconnect: func(packet *paho.Disconnect) { peer.disconnects <- packet.ReasonCode },
	})
	properties := &paho.ConnectProperties{AuthMethod: options.method, AuthData: options.data}
	if options.stored {
		properties.SessionExpiryInterval = pointer(max(options.expiry, 300))
	}
	if options.aliases > 0 {
		properties.TopicAliasMaximum = pointer(options.aliases)
	}
	connack, err := peer.Connect(bounded(), &paho.Connect{
		ClientID: clientID, CleanStart: options.clean || !options.stored, KeepAlive: max(options.keepAlive, 60),
		Properties: properties, WillMessage: options.will, WillProperties: options.willProps,
	})
	peer.connack = connack
	return peer, err
}

func (peer *Peer) subscribe(filters ...string) {
	subscriptions := []paho.SubscribeOptions{}
	for _, filter := range filters {
		subscriptions = append(subscriptions, paho.SubscribeOptions{Topic: filter, QoS: 1})
	}
	must(peer.Subscribe(bounded(), &paho.Subscribe{Subscriptions: subscriptions}))
}

// publish returns the Reason Code that acknowledged the message.
func (peer *Peer) publish(packet paho.Publish) byte {
	if packet.Properties == nil {
		packet.Properties = &paho.PublishProperties{}
	}
	response, err := peer.Publish(bounded(), &packet)
	if response == nil {
		panic(err)
	}
	return response.ReasonCode
}

func (peer *Peer) send(topic, payload string, properties *paho.PublishProperties) byte {
	return peer.publish(paho.Publish{Topic: topic, Payload: []byte(payload), QoS: 1, Properties: properties})
}

func (peer *Peer) receive(count int) []Message {
	messages := []Message{}
	for range count {
		messages = append(messages, take(peer.messages))
	}
	return messages
}

func (peer *Peer) receiveUntil(topic string) []Message {
	messages := []Message{}
	for message := take(peer.messages); message.Topic != topic; message = take(peer.messages) {
		messages = append(messages, message)
	}
	return messages
}

// endSession disconnects, and the session ends at once.
func (peer *Peer) endSession() {
	properties := &paho.DisconnectProperties{SessionExpiryInterval: pointer(uint32(0))}
	if err := peer.Disconnect(&paho.Disconnect{Properties: properties}); err != nil {
		panic(err)
	}
}

// vanish loses the connection without a DISCONNECT.
func (peer *Peer) vanish() { peer.conn.Close() }
