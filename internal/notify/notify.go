// Package notify tells somebody outside that something happened: PagerDuty by its Events API v2, or anyone by a webhook. A
// message is sent once, tried again for as long as that can help and no longer, and ends in a receipt that says what came of it.
// Addresses and keys are secrets: they stand in no error, receipt or log.
//
// To add a kind of receiver: kind_NAME.go with a Kind, its line in Contact.Endpoint, and a case in its test.
package notify

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Message is what is told. It holds names and counts, never a row, a token or a DSN.
type Message struct {
	// Key names what the message is about: later messages with the same key are about the same thing, and end it where the
	// action is Resolve.
	Key       string
	Action    Action
	Severity  Severity
	Summary   string // one line
	Source    string // what it was seen at: a database, a node
	Component string // what part of Ringfence saw it: "monitor", "rollout"; may be empty
	At        time.Time
	Details   map[string]string
	Links     []Link
}

// A Link leads to what helps: a runbook, a dashboard.
type Link struct {
	Text string `json:"text"`
	URL  string `json:"href"`
}

// An Action is what a message does to what its key names.
type Action string

// The actions.
const (
	Trigger     Action = "trigger" // it is so, or still so
	Acknowledge Action = "acknowledge"
	Resolve     Action = "resolve" // it is over
)

// A Severity is how grave a message is, in the words of the Events API.
type Severity string

// The severities, gravest first.
const (
	Critical Severity = "critical"
	Error    Severity = "error"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// Severities are all severities, gravest first.
var Severities = []Severity{Critical, Error, Warning, Info}

// The bounds of a message. Those of key and summary are the Events API's.
const (
	maxKey     = 255
	maxSummary = 1024
	maxDetails = 32
	maxDetail  = 1024
	maxLinks   = 8
)

// bounded returns the message as it is sent: each text within its bound, without control characters, and nothing left empty
// that a receiver asks for.
func (m Message) bounded() Message {
	out := m
	out.Key, out.Summary = clean(m.Key, maxKey), clean(m.Summary, maxSummary)
	out.Source, out.Component = clean(m.Source, maxKey), clean(m.Component, maxKey)
	if out.Source == "" {
		out.Source = "ringfence"
	}
	if !slices.Contains(Severities, m.Severity) {
		out.Severity = Critical // what is not known is not made less of
	}
	if m.Action == "" {
		out.Action = Trigger
	}
	out.Details = map[string]string{}
	for _, k := range sorted(m.Details) {
		if len(out.Details) == maxDetails {
			break
		}
		out.Details[clean(k, maxKey)] = clean(m.Details[k], maxDetail)
	}
	out.Links = m.Links[:min(len(m.Links), maxLinks)]
	return out
}

func sorted(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// clean makes one line of valid UTF-8 of a text, with at most n bytes.
func clean(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= n {
		return text
	}
	const dots = "…"
	cut := n - len(dots)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + dots
}
