// The client's side of SCRAM-SHA-256, as an authentication handler of Paho.
package main

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"

	"github.com/eclipse/paho.golang/paho"
)

const method = "SCRAM-SHA-256"

var challenges = regexp.MustCompile(`^r=([^,]+),s=([^,]+),i=(\d+)$`)

type Scram struct{ password, bare, verifier string }

func newScram(user, password string) *Scram {
	return &Scram{password: password, bare: fmt.Sprintf("n=%s,r=%s", user, rand.Text())}
}

func (scram *Scram) first() []byte { return []byte("n,," + scram.bare) }

func (scram *Scram) Authenticate(packet *paho.Auth) *paho.Auth {
	challenge := challenges.FindSubmatch(packet.Properties.AuthData)
	nonce, iterations := challenge[1], must(strconv.Atoi(string(challenge[3])))
	salt := must(base64.StdEncoding.DecodeString(string(challenge[2])))
	salted := must(pbkdf2.Key(sha256.New, scram.password, salt, iterations, sha256.Size))
	proof := sign(salted, "Client Key")
	stored := sha256.Sum256(proof)
	message := fmt.Sprintf("%s,%s,c=biws,r=%s", scram.bare, packet.Properties.AuthData, nonce)
	for i, octet := range sign(stored[:], message) {
		proof[i] ^= octet
	}
	scram.verifier = "v=" + base64.StdEncoding.EncodeToString(sign(sign(salted, "Server Key"), message))
	answer := fmt.Sprintf("c=biws,r=%s,p=%s", nonce, base64.StdEncoding.EncodeToString(proof))
	return &paho.Auth{ReasonCode: 0x18, Properties: &paho.AuthProperties{AuthMethod: method, AuthData: []byte(answer)}}
}

func (scram *Scram) Authenticated() {}

func (scram *Scram) trusts(data []byte) bool {
	return scram.verifier != "" && string(data) == scram.verifier
}

func sign(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
