package pin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
)

// Operator sets, locks and unlocks PINs and enrols devices, for people who may: ringfence pin, or a manager through Handler.
// Whatever ends a user's sessions has them cut. Safe for concurrent use where its DB is.
type Operator struct {
	s    *Service
	from Origin
	by   string // who, for the record
}

// ErrNoPIN says that a user has no PIN in this tenant.
var ErrNoPIN = errors.New("there is no such PIN")

// Operator is the operator's side of a Service.
func (s *Service) Operator() Operator { return Operator{s: s, by: "operator"} }

// OperatorOptions are what an Operator needs that serves no logins.
type OperatorOptions struct {
	DB          DB // as the operator's role
	Peppers     *Peppers
	Recorder    ringfence.Recorder
	ParseTenant func(string) (ringfence.Tenant, error)
	Revoker     Revoker
	Cost        Cost
	By          string // who operates, for the record
}

// NewOperator makes an Operator. Peppers are needed for setting PINs only.
func NewOperator(o OperatorOptions) (Operator, error) {
	if o.DB == nil || o.Recorder == nil {
		return Operator{}, errors.New("checking the operator's options: a database and a recorder are needed")
	}
	full := Options{DB: o.DB, Peppers: o.Peppers, Recorder: o.Recorder, ParseTenant: o.ParseTenant, Revoker: o.Revoker, Cost: o.Cost}
	if o.Peppers == nil && full.Cost == (Cost{}) {
		full.Cost = Cost{Memory: leastMemory, Passes: leastPasses, Threads: 1} // nothing is hashed
	}
	full = full.withDefaults()
	return Operator{s: &Service{o: full, store: store{o.DB, full.Timeout}, gate: newGate(1, 0, time.Minute)}, by: o.By}, nil
}

// as is an Operator that acts for a request.
func (o Operator) as(from Origin, by string) Operator {
	o.from, o.by = from, by
	return o
}

// Enrol sets a user's PIN, unlocks it, and ends the user's sessions. A PIN that may not be set is what CheckPIN says.
func (o Operator) Enrol(ctx context.Context, tenant ringfence.Tenant, user, pin string) error {
	if err := CheckPIN(pin, user); err != nil {
		return err
	}
	return o.set(ctx, o.from, tenant, user, pin, nil, "enrol")
}

// set hashes and stores. was is the generation that was shown, nil for an enrolment.
func (o Operator) set(ctx context.Context, from Origin, tenant ringfence.Tenant, user, pin string, was *int64, operation string) error {
	if clean(user) == "" || !tenant.Valid() {
		return errors.New("setting a PIN: it needs a tenant, and a user whose name is short")
	}
	if o.s.o.Peppers == nil {
		return errors.New("setting a PIN: there are no peppers")
	}
	c := credential{salt: newSalt(), cost: o.s.o.Cost, pepper: o.s.o.Peppers.current}
	mixed, ok := o.s.o.Peppers.mix(c.pepper, tenant.String(), user, pin)
	if !ok {
		return errors.New("setting a PIN: there is no pepper")
	}
	if err := o.s.gate.enter(ctx); err != nil {
		return err
	}
	c.hash = c.cost.hash(mixed, c.salt)
	o.s.gate.leave()
	ended, changed, err := o.s.store.set(ctx, tenant.String(), user, c, was)
	if err != nil {
		return err
	}
	if !changed {
		return ErrRefused
	}
	o.s.record(ctx, from, ringfence.Event{Type: ringfence.PINEnrolled, User: user, Tenant: tenant.String()}, "operation", operation, "by", o.by)
	return o.s.revoked(ctx, from, tenant.String(), user, "pin_changed", ended...)
}

// Lock locks a PIN until Unlock, and ends the user's sessions. ErrNoPIN where there is none.
func (o Operator) Lock(ctx context.Context, tenant ringfence.Tenant, user string) error {
	ended, found, err := o.s.store.ended(ctx, "locking a PIN", "pin_lock($1, $2)", tenant.String(), user)
	if err != nil || !found {
		return cmpErr(err, ErrNoPIN)
	}
	o.record(ctx, ringfence.PINLocked, tenant, user, "reason", "operator")
	return o.s.revoked(ctx, o.from, tenant.String(), user, "locked", ended...)
}

// Unlock forgets failures and locks, the operator's too. ErrNoPIN where there is no PIN.
func (o Operator) Unlock(ctx context.Context, tenant ringfence.Tenant, user string) error {
	var found bool
	if err := o.s.store.row(ctx, call("pin_unlock($1, $2)"), []any{tenant.String(), user}, &found); err != nil || !found {
		return cmpErr(err, ErrNoPIN)
	}
	o.record(ctx, ringfence.PINUnlocked, tenant, user)
	return nil
}

// Remove removes a PIN and ends the user's sessions. ErrNoPIN where there is none.
func (o Operator) Remove(ctx context.Context, tenant ringfence.Tenant, user string) error {
	ended, found, err := o.s.store.ended(ctx, "removing a PIN", "pin_remove($1, $2)", tenant.String(), user)
	if err != nil || !found {
		return cmpErr(err, ErrNoPIN)
	}
	o.record(ctx, ringfence.PINEnrolled, tenant, user, "operation", "remove")
	return o.s.revoked(ctx, o.from, tenant.String(), user, "removed", ended...)
}

// Code makes a one-time code, good for life, by which a device enrols for a tenant and, where user is not empty, for that user
// only. label is how lists show the device. The code is a secret, and stored as its digest.
func (o Operator) Code(ctx context.Context, tenant ringfence.Tenant, user, label string, life time.Duration) (string, error) {
	if !tenant.Valid() || (user != "" && clean(user) == "") || len(label) > maxShown {
		return "", errors.New("making a code: it needs a tenant, and names that are short")
	}
	code, d := newCode()
	var bound *string
	if user != "" {
		bound = &user
	}
	var void any
	if err := o.s.store.row(ctx, call("pin_code_add($1, $2, $3, $4, $5)"), []any{d[:], tenant.String(), bound, label, seconds(life)}, &void); err != nil {
		return "", fmt.Errorf("making a code: %w", err)
	}
	o.record(ctx, ringfence.PINEnrolled, tenant, user, "operation", "code", "label", label)
	return code, nil
}

// EndDevice ends a device of a tenant, named by Device.ID, and the sessions that began on it. It is an error where the tenant has
// no such device.
func (o Operator) EndDevice(ctx context.Context, tenant ringfence.Tenant, deviceID string) error {
	d, ok := parseID(deviceID)
	if !ok {
		return errors.New("ending a device: its id is a UUID")
	}
	ended, found, err := o.s.store.ended(ctx, "ending a device", "pin_device_end($1, $2)", tenant.String(), d.String())
	if err != nil || !found {
		return cmpErr(err, errors.New("there is no such device"))
	}
	o.record(ctx, ringfence.Revoked, tenant, "", "operation", "device", "device", d.String())
	return o.s.revoked(ctx, o.from, tenant.String(), "", "device", ended...)
}

// Status is one PIN as an operator sees it.
type Status struct {
	Tenant      string     `json:"tenant"`
	User        string     `json:"user"`
	State       string     `json:"state"` // open, locked by tries, locked by operator
	Attempts    int        `json:"attempts"`
	LockedUntil *time.Time `json:"locked_until"` // nil too where only an operator unlocks
	Pepper      string     `json:"pepper"`       // the id of its key
	ChangedAt   time.Time  `json:"changed_at"`
	Sessions    int64      `json:"sessions"`
}

// Status lists the PINs of a tenant, or of all where it is the zero Tenant.
func (o Operator) Status(ctx context.Context, tenant ringfence.Tenant) ([]Status, error) {
	return list(ctx, o.s.store, "pin_status($1)", tenant, func(row pgx.CollectableRow) (s Status, err error) {
		var until any
		err = row.Scan(&s.Tenant, &s.User, &s.State, &s.Attempts, &until, &s.Pepper, &s.ChangedAt, &s.Sessions)
		if at, ok := until.(time.Time); ok {
			s.LockedUntil = &at
		}
		return s, err
	})
}

// Device is one enrolled device.
type Device struct {
	Tenant     string     `json:"tenant"`
	ID         string     `json:"id"`
	User       string     `json:"user"`
	Label      string     `json:"label"`
	EnrolledAt time.Time  `json:"enrolled_at"`
	EndedAt    *time.Time `json:"ended_at"`
}

// Devices lists the devices of a tenant, or of all where it is the zero Tenant, those that were ended too.
func (o Operator) Devices(ctx context.Context, tenant ringfence.Tenant) ([]Device, error) {
	return list(ctx, o.s.store, "pin_devices($1)", tenant, func(row pgx.CollectableRow) (d Device, err error) {
		var user *string
		var raw [16]byte
		err = row.Scan(&d.Tenant, &raw, &user, &d.Label, &d.EnrolledAt, &d.EndedAt)
		d.User, d.ID = text(user), id(raw).String()
		return d, err
	})
}

func list[T any](ctx context.Context, s store, function string, tenant ringfence.Tenant, scan pgx.RowToFunc[T]) ([]T, error) {
	ctx, stop := context.WithTimeout(ctx, s.timeout)
	defer stop()
	var of *string
	if tenant.Valid() {
		text := tenant.String()
		of = &text
	}
	rows, err := s.db.Query(ctx, call(function), of)
	if err == nil {
		var out []T
		if out, err = pgx.CollectRows(rows, scan); err == nil {
			return out, nil
		}
	}
	return nil, fmt.Errorf("listing: %w", err)
}

func (o Operator) record(ctx context.Context, t ringfence.EventType, tenant ringfence.Tenant, user string, detail ...string) {
	o.s.record(ctx, o.from, ringfence.Event{Type: t, User: user, Tenant: tenant.String()}, append([]string{"operation", "operate", "by", o.by}, detail...)...)
}

// cmpErr is the first error there is.
func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func digest(code string) [sha256.Size]byte { return sha256.Sum256([]byte(code)) }
