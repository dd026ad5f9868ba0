package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ringfencehq/ringfence"
)

// Verifier verifies tokens. It implements ringfence.Authorizer, and is safe for concurrent use.
type Verifier struct {
	o       Options
	issuers map[string]*issuer
	parser  *jwt.Parser
}

// issuer is a trusted issuer, made ready.
type issuer struct {
	keys       KeySource
	secret     bool
	algorithms []string
	claims     *jwt.Validator
}

// New makes a Verifier, or says what is wrong with its options. No key is fetched yet.
func New(o Options) (*Verifier, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("checking the verifier's options: %w", err)
	}
	o = o.withDefaults()
	v := &Verifier{o: o, issuers: map[string]*issuer{}}
	methods := append([]string{}, asymmetric...)
	for _, i := range o.Issuers {
		if err := i.validate(); err != nil {
			return nil, fmt.Errorf("checking the issuer %q: %w", i.Name, err)
		}
		algorithms, err := i.algorithms()
		if err != nil {
			return nil, fmt.Errorf("checking the issuer %q: %w", i.Name, err)
		}
		if _, twice := v.issuers[i.Name]; twice {
			return nil, fmt.Errorf("checking the issuer %q: it is there twice", i.Name)
		}
		_, secret := i.Keys.(*Secret)
		if secret {
			methods = append(methods, symmetric...)
		}
		v.issuers[i.Name] = &issuer{keys: i.Keys, secret: secret, algorithms: algorithms, claims: jwt.NewValidator(
			jwt.WithIssuer(i.Name), jwt.WithAudience(i.Audiences...), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
			jwt.WithLeeway(o.Skew), jwt.WithTimeFunc(o.Now))}
	}
	v.parser = jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	return v, nil
}

// Authorize tells who shows a credential. What is refused is a *ringfence.Refusal that has been recorded, once, with the
// credential's address and user agent and with the Reason in its detail; a refusal that could not be recorded is a refusal
// all the same, and its cause says so. Any other error is a fault on this side (ErrKeysUnavailable): nobody is let in either.
// Recording goes on when the context is cancelled, so that hanging up hides nothing.
func (v *Verifier) Authorize(ctx context.Context, c ringfence.Credential) (ringfence.Identity, error) {
	id, err := v.identify(ctx, c.Token)
	if err == nil {
		return id, nil
	}
	var f *fault
	if !errors.As(err, &f) {
		return ringfence.Identity{}, fmt.Errorf("verifying a token: %w", err)
	}
	return ringfence.Identity{}, v.refuse(ctx, c, id, f)
}

// identify verifies a token and asks all that bears on it. With a fault it returns what was verified by then.
func (v *Verifier) identify(ctx context.Context, token string) (ringfence.Identity, error) {
	all, err := v.verify(ctx, token)
	if err != nil {
		return v.known(all), err
	}
	id, err := v.read(all, token)
	if err != nil {
		return id, err
	}
	if v.o.Revocations != nil && v.o.Revocations.Revoked(id) {
		return id, &fault{event: ringfence.TokenRevoked, reason: ReasonRevoked}
	}
	return v.join(ctx, id)
}

// join adds what membership says.
func (v *Verifier) join(ctx context.Context, id ringfence.Identity) (ringfence.Identity, error) {
	if v.o.Members == nil {
		return id, nil
	}
	id.Roles = nil
	roles, err := v.o.Members.Member(ctx, id.Tenant, id.User)
	switch {
	case errors.Is(err, ErrNotMember):
		return id, &fault{event: ringfence.MembershipMissing, reason: ReasonMembership}
	case err != nil:
		return id, &fault{event: ringfence.MembershipFailing, reason: ReasonMembership, cause: err}
	}
	id.Roles = roles
	return id, nil
}

// refuse records a fault and makes it the error.
func (v *Verifier) refuse(ctx context.Context, c ringfence.Credential, id ringfence.Identity, f *fault) error {
	e := ringfence.Event{Type: f.event, User: id.User, Tenant: id.Tenant.String(), Session: id.Session, Address: c.Address,
		UserAgent: c.UserAgent, Detail: map[string]string{"reason": string(f.reason)}}
	if id.Token != "" {
		e.Detail["token_id"] = id.Token
	}
	cause := f.cause
	if v.o.Recorder != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.o.RecordTimeout)
		defer cancel()
		if err := v.o.Recorder.Record(ctx, e); err != nil {
			cause = errors.Join(cause, fmt.Errorf("recording a refusal: %w", err))
		}
	}
	return ringfence.Refuse(e, cause)
}
