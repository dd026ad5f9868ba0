package trail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ringfencehq/ringfence"
)

// eventJSON is an event as a line of JSON, named as the table's columns are.
type eventJSON struct {
	ID        string            `json:"id"`
	Type      string            `json:"event_type"`
	User      string            `json:"user_id"`
	Tenant    string            `json:"authenticated_tenant_id"`
	Attempted string            `json:"attempted_tenant_id"`
	Session   string            `json:"session_id,omitempty"`
	Address   string            `json:"ip_address,omitempty"`
	Agent     string            `json:"user_agent,omitempty"`
	Severity  string            `json:"severity"`
	Created   time.Time         `json:"created_at"`
	Event     string            `json:"event_id"`
	Node      string            `json:"node"`
	Epoch     int64             `json:"epoch"`
	Sequence  int64             `json:"sequence"`
	Count     int64             `json:"count"`
	First     time.Time         `json:"first_at"`
	Last      time.Time         `json:"last_at"`
	Detail    map[string]string `json:"detail,omitempty"`
	Hash      string            `json:"hash"`
	Previous  string            `json:"previous_hash"`
}

// AppendJSON appends the event as one line of JSON without its end: all fields, so that ParseJSON and Digest can verify it. It is
// ASCII where a character could steer a terminal or end a line.
func AppendJSON(b []byte, e *Event) []byte {
	text, err := json.Marshal(eventJSON{
		ID: e.Row.String(), Type: string(e.Type), User: e.User, Tenant: e.Tenant, Attempted: e.AttemptedTenant, Session: e.Session, Address: e.Address,
		Agent: e.UserAgent, Severity: string(e.Severity), Created: e.Created.UTC(), Event: e.ID.String(), Node: e.Node, Epoch: e.Epoch, Sequence: e.Sequence,
		Count: e.Count, First: e.First.UTC(), Last: e.Last.UTC(), Detail: e.Detail, Hash: e.Hash.String(), Previous: e.Previous.String(),
	})
	if err != nil {
		return append(b, "{}"...) // a year beyond 9999: no time in JSON
	}
	return append(b, plainJSON(text)...)
}

// plainJSON escapes what could forge a line or turn text in a JSON text; there it can only stand in strings.
func plainJSON(text []byte) []byte {
	if !hasUnclean(text) {
		return text
	}
	out := make([]byte, 0, len(text)+32)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if uncleanRune(r) {
			out = append(out, `\u`...)
			hex := strconv.FormatUint(uint64(r), 16)
			out = append(append(out, "0000"[len(hex):]...), hex...)
		} else {
			out = append(out, text[i:i+size]...)
		}
		i += size
	}
	return out
}

// ErrLine says that a line of an export is no event.
var ErrLine = errors.New("malformed line")

// ParseJSON reads what AppendJSON wrote. Unknown fields are an error that wraps ErrLine.
func ParseJSON(line []byte) (Event, error) {
	var j eventJSON
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrLine, err)
	}
	if d.More() {
		return Event{}, fmt.Errorf("%w: more than one value", ErrLine)
	}
	row, err1 := ParseID(j.ID)
	id, err2 := ParseID(j.Event)
	hash, err3 := ParseHash(j.Hash)
	previous, err4 := ParseHash(j.Previous)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrLine, err)
	}
	return Event{
		Event: ringfence.Event{Type: ringfence.EventType(j.Type), Severity: ringfence.Severity(j.Severity), User: j.User, Tenant: j.Tenant, AttemptedTenant: j.Attempted,
			Session: j.Session, Address: j.Address, UserAgent: j.Agent, Detail: j.Detail},
		ID: id, Row: row, Node: j.Node, Epoch: j.Epoch, Sequence: j.Sequence, Created: j.Created.UTC(), Count: j.Count, First: j.First.UTC(), Last: j.Last.UTC(),
		Hash: hash, Previous: previous,
	}, nil
}
