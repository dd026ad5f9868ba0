package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// The headers of a webhook. A receiver that sees a delivery again has it already.
const (
	DeliveryHeader  = "X-Ringfence-Delivery"
	SignatureHeader = "X-Ringfence-Signature" // t=UNIX,v1=HEX: HMAC-SHA256 by the contact's secret over UNIX, a dot, and the body
)

var webhook = Kind{
	Name: "webhook",
	Doc: `any HTTP endpoint that takes JSON

The body is a document of the schema ringfence/notification/v1. With a secret it is signed, so that the receiver can tell who sent it, and when.`,
	plain: true,
	build: buildWebhook,
}

// webhookBody is the document ringfence/notification/v1.
type webhookBody struct {
	Schema    string            `json:"schema"`
	Delivery  string            `json:"delivery"`
	Key       string            `json:"key"`
	Action    Action            `json:"action"`
	Severity  Severity          `json:"severity"`
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Component string            `json:"component,omitempty"`
	At        time.Time         `json:"at"`
	Details   map[string]string `json:"details"`
	Links     []Link            `json:"links"`
}

func buildWebhook(e Endpoint, m Message, delivery string, h http.Header) ([]byte, error) {
	body, err := json.Marshal(webhookBody{
		Schema: "ringfence/notification/v1", Delivery: delivery, Key: m.Key, Action: m.Action, Severity: m.Severity, Summary: m.Summary,
		Source: m.Source, Component: m.Component, At: m.At.UTC(), Details: m.Details, Links: append([]Link{}, m.Links...),
	})
	if err != nil {
		return nil, err
	}
	h.Set(DeliveryHeader, delivery)
	if e.Key != "" {
		at := strconv.FormatInt(m.At.Unix(), 10)
		h.Set(SignatureHeader, "t="+at+",v1="+sign(e.Key, at, body))
	}
	return body, nil
}

// sign is what a receiver computes too.
func sign(key, at string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(at))
	mac.Write([]byte("."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
