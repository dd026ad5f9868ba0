package notify

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// pagerDutyURL is where the Events API v2 takes events in (of the United States' region; another one is given as URL).
const pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

var pagerDuty = Kind{
	Name: "pagerduty",
	Doc: `PagerDuty's Events API v2

The key of a message is the deduplication key: later messages with it add to the same incident, and a resolve ends it.`,
	build: buildPagerDuty,
	receipt: func(body []byte) string {
		var answer struct {
			Key string `json:"dedup_key"`
		}
		_ = json.Unmarshal(body, &answer)
		return clean(answer.Key, maxKey)
	},
}

// pagerDutyEvent is an event as the Events API v2 has it:
// https://developer.pagerduty.com/docs/send-alert-event
type pagerDutyEvent struct {
	Routing string            `json:"routing_key"`
	Action  Action            `json:"event_action"`
	Dedup   string            `json:"dedup_key,omitempty"`
	Payload *pagerDutyPayload `json:"payload,omitempty"`
	Links   []Link            `json:"links,omitempty"`
	Client  string            `json:"client"`
}

type pagerDutyPayload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  Severity          `json:"severity"`
	Timestamp string            `json:"timestamp,omitempty"`
	Component string            `json:"component,omitempty"`
	Details   map[string]string `json:"custom_details,omitempty"`
}

func buildPagerDuty(e Endpoint, m Message, delivery string, _ http.Header) ([]byte, error) {
	if e.Key == "" {
		return nil, errors.New("PagerDuty wants a routing key")
	}
	if m.Key == "" && m.Action != Trigger {
		return nil, errors.New("only a trigger can go without a key")
	}
	out := pagerDutyEvent{Routing: e.Key, Action: m.Action, Dedup: cmp.Or(m.Key, delivery), Client: "Ringfence"}
	if m.Action == Trigger {
		out.Links = m.Links
		out.Payload = &pagerDutyPayload{Summary: m.Summary, Source: m.Source, Severity: m.Severity, Component: m.Component, Details: m.Details}
		if !m.At.IsZero() {
			out.Payload.Timestamp = m.At.UTC().Format(time.RFC3339Nano)
		}
	}
	return json.Marshal(out)
}
