package trail

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ringfencehq/ringfence"
)

// A Format writes one event as one line without its end. Whatever the event's texts hold, the line has no line break, no other
// control character and nothing that turns the direction of text, and nothing in a text can pass for another field.
type Format func(b []byte, e *Event) []byte

// Formats are the formats of an export, by name: JSON lines are the trail's own and the only ones that verify again.
func Formats() map[string]Format {
	return map[string]Format{"json": AppendJSON, "ocsf": AppendOCSF, "ecs": AppendECS, "cef": AppendCEF}
}

// LineWriter is a Sink that writes events as lines: to a file, or to stdout. It is safe for concurrent use.
type LineWriter struct {
	mu     sync.Mutex
	w      io.Writer
	format Format
}

var _ Sink = (*LineWriter)(nil)

// NewLineWriter returns a sink that writes to w.
func NewLineWriter(w io.Writer, f Format) *LineWriter { return &LineWriter{w: w, format: f} }

// Send implements Sink: one write for the batch.
func (l *LineWriter) Send(_ context.Context, batch []Event) error {
	var b []byte
	for i := range batch {
		b = append(l.format(b, &batch[i]), '\n')
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.w.Write(b); err != nil {
		return fmt.Errorf("writing events: %w", err)
	}
	return nil
}

// AppendText writes the event for people: time, severity, type, then what is known, each text as it stands or quoted.
func AppendText(b []byte, e *Event) []byte {
	b = e.Created.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = fmt.Appendf(b, " %-8s %s", e.Severity, visible(string(e.Type)))
	add := func(key, value string) {
		if value == "" {
			return
		}
		value = visible(value)
		if strings.ContainsAny(value, " =\"\\") {
			value = strconv.Quote(value)
		}
		b = append(append(append(append(b, ' '), key...), '='), value...)
	}
	add("tenant", e.Tenant)
	add("attempted", e.AttemptedTenant)
	add("user", e.User)
	add("session", e.Session)
	add("address", e.Address)
	if e.Count > 1 {
		add("count", strconv.FormatInt(e.Count, 10))
	}
	for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
		add(strings.ReplaceAll(visible(k), " ", "_"), e.Detail[k])
	}
	add("agent", e.UserAgent)
	add("place", e.Node+"/"+strconv.FormatInt(e.Epoch, 10)+"/"+strconv.FormatInt(e.Sequence, 10))
	add("id", e.ID.String())
	return b
}

// the product as exports name it.
const (
	vendor  = "Ringfence"
	product = "trail"
)

// say is what an event says in a few words.
func say(t ringfence.EventType) string { return strings.ReplaceAll(string(t), "_", " ") }

// outcome is what became of what was tried.
func outcome(t ringfence.EventType) string {
	if t.Refusal() {
		return "failure"
	}
	return "success"
}

// authentication are the types that are about who somebody is.
var authentication = []ringfence.EventType{
	ringfence.TokenMissing, ringfence.TokenInvalid, ringfence.TokenExpired, ringfence.TokenRevoked, ringfence.TokenWithoutTenant,
	ringfence.PINFailed, ringfence.PINLocked, ringfence.PINUncounted, ringfence.PINSucceeded, ringfence.PINEnrolled, ringfence.PINUnlocked, ringfence.DeviceUnknown,
}

// detection are the types that are findings in their own right.
var detection = []ringfence.EventType{ringfence.CrossTenant, ringfence.RoleForbidden, ringfence.PolicyForeign, ringfence.TrailGap, ringfence.TrailTamper, ringfence.Emergency}

// ocsfClass returns the OCSF class, its name, its category with name, and the activity of an event type.
func ocsfClass(t ringfence.EventType) (class int, name string, category int, categoryName string, activity int, activityName string) {
	switch {
	case slices.Contains(authentication, t):
		return 3002, "Authentication", 3, "Identity & Access Management", 1, "Logon"
	case slices.Contains(detection, t):
		return 2004, "Detection Finding", 2, "Findings", 1, "Create"
	}
	return 6003, "API Activity", 6, "Application Activity", 99, "Other"
}

// ocsfSeverity gives OCSF's id and word.
func ocsfSeverity(s ringfence.Severity) (int, string) {
	switch s {
	case ringfence.Info:
		return 1, "Informational"
	case ringfence.Warning:
		return 3, "Medium"
	case ringfence.Error:
		return 4, "High"
	case ringfence.Critical:
		return 5, "Critical"
	}
	return 99, "Other"
}

// object is a JSON object; keys come out sorted.
type object = map[string]any

// line writes an object without what is empty.
func line(b []byte, o object) []byte {
	text, err := json.Marshal(prune(o))
	if err != nil {
		return append(b, "{}"...)
	}
	return append(b, plainJSON(text)...)
}

func prune(o object) object {
	for k, v := range o {
		switch v := v.(type) {
		case string:
			if v == "" {
				delete(o, k)
			}
		case object:
			if len(prune(v)) == 0 {
				delete(o, k)
			}
		}
	}
	return o
}

// AppendOCSF writes the event in the Open Cybersecurity Schema Framework 1.3: Authentication (3002), Detection Finding (2004) or API
// Activity (6003) by its type. What OCSF has no name for stands under unmapped.
func AppendOCSF(b []byte, e *Event) []byte {
	class, name, category, categoryName, activity, activityName := ocsfClass(e.Type)
	severity, severityName := ocsfSeverity(e.Severity)
	status, statusName := 1, "Success"
	if e.Type.Refusal() {
		status, statusName = 2, "Failure"
	}
	actor := object{"user": object{"uid": e.User, "org": object{"uid": e.Tenant}}, "session": object{"uid": e.Session}}
	o := object{
		"class_uid": class, "class_name": name, "category_uid": category, "category_name": categoryName, "activity_id": activity, "activity_name": activityName,
		"type_uid": class*100 + activity, "type_name": name + ": " + activityName, "severity_id": severity, "severity": severityName, "status_id": status, "status": statusName,
		"time": e.Created.UnixMilli(), "start_time": e.First.UnixMilli(), "end_time": e.Last.UnixMilli(), "count": e.Count, "message": say(e.Type), "status_detail": string(e.Type),
		"metadata": object{"uid": e.ID.String(), "tenant_uid": e.Tenant, "version": "1.3.0", "sequence": e.Sequence, "log_name": "ringfence.trail", "event_code": string(e.Type),
			"product": object{"name": product, "vendor_name": vendor}},
		"unmapped": object{"attempted_tenant": e.AttemptedTenant, "node": e.Node, "epoch": e.Epoch, "hash": e.Hash.String(), "previous_hash": e.Previous.String(), "detail": detailObject(e)},
	}
	source := endpoint(e)
	switch class {
	case 3002:
		o["user"], o["session"], o["src_endpoint"], o["http_request"] = actor["user"], actor["session"], source, object{"user_agent": e.UserAgent}
	case 2004:
		o["finding_info"] = object{"uid": e.ID.String(), "title": say(e.Type), "types": []string{string(e.Type)}, "created_time": e.Created.UnixMilli()}
		o["evidences"] = []object{prune(object{"actor": actor, "src_endpoint": source, "http_request": object{"user_agent": e.UserAgent}})}
	default:
		operation := string(e.Type)
		if e.Detail["operation"] != "" {
			operation = e.Detail["operation"]
		}
		o["actor"], o["src_endpoint"], o["http_request"], o["api"] = actor, source, object{"user_agent": e.UserAgent}, object{"operation": operation}
	}
	return line(b, o)
}

// endpoint is where an event came from; what is no address is a host's name.
func endpoint(e *Event) object {
	if _, err := netip.ParseAddr(e.Address); err == nil {
		return object{"ip": e.Address}
	}
	return object{"name": e.Address}
}

func detailObject(e *Event) object {
	o := object{}
	for k, v := range e.Detail {
		o[k] = v
	}
	return o
}

// AppendECS writes the event in the Elastic Common Schema 8.
func AppendECS(b []byte, e *Event) []byte {
	category, kind := "session", "event"
	switch {
	case slices.Contains(authentication, e.Type):
		category = "authentication"
	case slices.Contains(detection, e.Type):
		category, kind = "intrusion_detection", "alert"
	}
	severity, _ := ocsfSeverity(e.Severity)
	source := object{"address": e.Address}
	if _, err := netip.ParseAddr(e.Address); err == nil {
		source["ip"] = e.Address
	}
	labels := object{"attempted_tenant": e.AttemptedTenant, "node": e.Node, "hash": e.Hash.String(), "previous_hash": e.Previous.String(), "epoch": strconv.FormatInt(e.Epoch, 10), "count": strconv.FormatInt(e.Count, 10)}
	for k, v := range e.Detail {
		labels["detail_"+strings.ReplaceAll(k, ".", "_")] = v
	}
	result := "info"
	if e.Type.Refusal() {
		result = "denied"
	}
	return line(b, object{
		"@timestamp": e.Created.UTC().Format(time.RFC3339Nano), "ecs": object{"version": "8.11.0"}, "message": say(e.Type),
		"event": object{"id": e.ID.String(), "kind": kind, "category": []string{category}, "type": []string{result}, "action": string(e.Type), "outcome": outcome(e.Type),
			"severity": severity, "sequence": e.Sequence, "start": e.First.UTC().Format(time.RFC3339Nano), "end": e.Last.UTC().Format(time.RFC3339Nano), "provider": vendor, "dataset": "ringfence.trail"},
		"log": object{"level": strings.ToLower(string(e.Severity))}, "user": object{"id": e.User}, "organization": object{"id": e.Tenant},
		"source": source, "user_agent": object{"original": e.UserAgent}, "session": object{"id": e.Session}, "labels": labels,
	})
}

// cefSeverity is CEF's 0 to 10.
func cefSeverity(s ringfence.Severity) string {
	switch s {
	case ringfence.Info:
		return "2"
	case ringfence.Warning:
		return "5"
	case ringfence.Error:
		return "7"
	case ringfence.Critical:
		return "10"
	}
	return "5"
}

// AppendCEF writes the event in ArcSight's Common Event Format, revision 25.
func AppendCEF(b []byte, e *Event) []byte {
	b = append(b, "CEF:0|"+vendor+"|"+product+"|1|"...)
	b = append(append(b, cefHeader(string(e.Type))...), '|')
	b = append(append(b, cefHeader(say(e.Type))...), '|')
	b = append(append(b, cefSeverity(e.Severity)...), '|')
	first := true
	add := func(key, value string) {
		if value == "" {
			return
		}
		if !first {
			b = append(b, ' ')
		}
		first = false
		b = append(append(append(b, key...), '='), cefValue(value)...)
	}
	ms := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	add("rt", ms(e.Created))
	add("start", ms(e.First))
	add("end", ms(e.Last))
	add("cnt", strconv.FormatInt(e.Count, 10))
	add("outcome", outcome(e.Type))
	add("externalId", e.ID.String())
	add("suid", e.User)
	if at, err := netip.ParseAddr(e.Address); err == nil && at.Is4() {
		add("src", e.Address)
	} else if err == nil {
		add("c6a2", e.Address)
		add("c6a2Label", "Source IPv6 Address")
	} else {
		add("shost", e.Address)
	}
	add("requestClientApplication", e.UserAgent)
	for i, c := range [...]struct{ label, value string }{
		{"tenant", e.Tenant}, {"attemptedTenant", e.AttemptedTenant}, {"session", e.Session}, {"node", e.Node}, {"chain", strconv.FormatInt(e.Epoch, 10) + "/" + strconv.FormatInt(e.Sequence, 10)}, {"hash", e.Hash.String()},
	} {
		if c.value != "" {
			n := strconv.Itoa(i + 1)
			add("cs"+n, c.value)
			add("cs"+n+"Label", c.label)
		}
	}
	var facts []string
	for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
		facts = append(facts, strconv.Quote(k)+":"+strconv.Quote(e.Detail[k]))
	}
	add("msg", strings.Join(facts, " "))
	return b
}

// cefHeader escapes a field of CEF's header: backslash and pipe.
func cefHeader(s string) string {
	return strings.NewReplacer(`\`, `\\`, `|`, `\|`).Replace(visible(s))
}

// cefValue escapes a value of CEF's extension: backslash and equals sign.
func cefValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `=`, `\=`).Replace(visible(s))
}

// visible writes out what could steer a terminal, end a line or turn text, as \u and its number; broken UTF-8 becomes U+FFFD.
func visible(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !hasUnclean(s) {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		if uncleanRune(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}
