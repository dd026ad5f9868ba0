package ringfence

import "context"

// Severity tells how grave an event is, in the words that the trail's table stores.
type Severity string

// The severities, mildest first.
const (
	Info     Severity = "INFO"
	Warning  Severity = "WARNING"
	Error    Severity = "ERROR"
	Critical Severity = "CRITICAL"
)

// Severities are all severities, mildest first.
var Severities = []Severity{Info, Warning, Error, Critical}

// EventType names what happened. The list below is the only one: code, the trail's CHECK constraint, metrics and docs are
// made from it.
type EventType string

// What is refused: of tokens, of tenants, of sessions, of messages, by the database, at login.
const (
	TokenMissing       EventType = "token_missing"        // no token where one is asked for
	TokenInvalid       EventType = "token_invalid"        // signature, algorithm, issuer, audience, form
	TokenExpired       EventType = "token_expired"        // past its end, or not yet valid
	TokenRevoked       EventType = "token_revoked"        // token, session, member or tenant was revoked
	TokenWithoutTenant EventType = "token_without_tenant" // a verified token that names no tenant, or several
	CrossTenant        EventType = "cross_tenant"         // another tenant's id, or another tenant's session
	TenantMissing      EventType = "tenant_missing"       // null, empty, white space or absent where one is asked for
	TenantMalformed    EventType = "tenant_malformed"     // of the wrong type or form
	MembershipMissing  EventType = "membership_missing"   // the user is not, or no longer, a member of the tenant
	SessionUnknown     EventType = "session_unknown"      // no such session, ended, or work before its start
	MessageMalformed   EventType = "message_malformed"    // not what the protocol allows: duplicate keys, bad UTF-8, depth
	MessageForbidden   EventType = "message_forbidden"    // a type that is unknown, or not for this role
	MessageOversize    EventType = "message_oversize"     // longer than what is allowed
	OriginForbidden    EventType = "origin_forbidden"     // a page of another origin
	RateLimited        EventType = "rate_limited"         // more than what is allowed, in a time or at once
	NoContext          EventType = "no_context"           // work on tenants' data without a tenant
	RowForbidden       EventType = "row_forbidden"        // SQLSTATE 42501
	ContextMalformed   EventType = "context_malformed"    // SQLSTATE 22P02 of a tenant context
	ControlForbidden   EventType = "control_forbidden"    // transaction control in an application's own statement
	RoleForbidden      EventType = "role_forbidden"       // the session's role is above row security
	PINFailed          EventType = "pin_failed"           // a wrong PIN, an unknown user, device or tenant
	PINLocked          EventType = "pin_locked"           // the failure that locked, or a try while locked
	DeviceUnknown      EventType = "device_unknown"       // a login from a device that is not enrolled
	PolicyForeign      EventType = "policy_foreign"       // the policies' fingerprint is not the expected one
	MembershipFailing  EventType = "membership_failing"   // membership could not be read; the request was refused
	PINUncounted       EventType = "pin_uncounted"        // a try whose count could not be kept; it was refused
)

// What is not a refusal, and is on record all the same.
const (
	AllTenants   EventType = "all_tenants"    // InsecureAllTenants was used
	ServiceCall  EventType = "service_call"   // narrow work without a tenant: login look-up, webhook, cron
	PINSucceeded EventType = "pin_succeeded"  // a login by PIN
	PINEnrolled  EventType = "pin_enrolled"   // enrolled or rotated
	PINUnlocked  EventType = "pin_unlocked"   // by an administrator
	Revoked      EventType = "revoked"        // a token, session, member or tenant was revoked
	SelfTest     EventType = "self_test"      // the whole path is proved, at start and on a schedule
	Triage       EventType = "triage"         // a person's judgement of an earlier event
	NodeStarted  EventType = "node_started"   // a new epoch of a node's journal
	TrailGap     EventType = "trail_gap"      // records of the journal that cannot be read any more
	TrailTamper  EventType = "trail_tamper"   // a journal file changed or removed underneath, or a clash of content
	StepApplied  EventType = "step_applied"   // a plan's step was applied or taken back
	Emergency    EventType = "emergency_open" // isolation was opened by an emergency return
)

// EventTypes are all event types: refusals first, in the order of their declaration.
var EventTypes = []EventType{
	TokenMissing, TokenInvalid, TokenExpired, TokenRevoked, TokenWithoutTenant, CrossTenant, TenantMissing, TenantMalformed,
	MembershipMissing, SessionUnknown, MessageMalformed, MessageForbidden, MessageOversize, OriginForbidden, RateLimited,
	NoContext, RowForbidden, ContextMalformed, ControlForbidden, RoleForbidden, PINFailed, PINLocked, DeviceUnknown,
	PolicyForeign, MembershipFailing, PINUncounted,
	AllTenants, ServiceCall, PINSucceeded, PINEnrolled, PINUnlocked, Revoked, SelfTest, Triage, NodeStarted, TrailGap,
	TrailTamper, StepApplied, Emergency,
}

// Refusal reports whether the type says that something was refused.
func (t EventType) Refusal() bool {
	switch t {
	case AllTenants, ServiceCall, PINSucceeded, PINEnrolled, PINUnlocked, Revoked, SelfTest, Triage, NodeStarted, TrailGap,
		TrailTamper, StepApplied, Emergency:
		return false
	}
	return true
}

// Severity returns how grave an event of the type is by default.
func (t EventType) Severity() Severity {
	switch t {
	case CrossTenant, RoleForbidden, TrailGap, TrailTamper, Emergency, MembershipFailing, PINUncounted:
		return Critical
	case RowForbidden, ContextMalformed, NoContext, ControlForbidden, TokenInvalid, PolicyForeign, TokenWithoutTenant,
		TenantMalformed, MessageMalformed:
		return Error
	case ServiceCall, PINSucceeded, PINEnrolled, SelfTest, Triage, NodeStarted, StepApplied, PINUnlocked, Revoked:
		return Info
	}
	return Warning
}

// Event is one thing that happened, as its source tells it. Ids of what was attempted are text as the client sent them,
// since an attempt on a tenant that does not exist, or on no id at all, must be on record too; whoever stores an Event
// bounds and cleans them. No field may hold a token, a PIN or another secret.
type Event struct {
	Type            EventType
	Severity        Severity // empty: the type's own
	User            string
	Tenant          string // the authenticated tenant; empty where there is none
	AttemptedTenant string // the tenant that was asked for; empty where none was named
	Session         string
	Address         string
	UserAgent       string
	Detail          map[string]string // few short facts: operation, route, SQLSTATE, reason
}

// Recorder keeps events. Record returns when the event is durable; an error means that it is not, and whoever refuses
// goes on refusing. Implementations are safe for concurrent use and never block beyond the context's deadline.
type Recorder interface {
	Record(ctx context.Context, e Event) error
}
