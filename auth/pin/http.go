package pin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth/internal/strict"
)

// HandlerOptions say how a Service is served.
type HandlerOptions struct {
	// Prefix stands before all paths; "/login".
	Prefix string
	// Address tells where a request comes from; the peer's address. Behind a proxy it reads what the proxy adds, and never
	// what a client can write: the throttles stand on it.
	Address func(*http.Request) netip.Addr
	// Authorizer verifies the access tokens of managers, who set, lock and unlock PINs of their own tenant and enrol devices;
	// nil: none of that is served.
	Authorizer ringfence.Authorizer
	// ManagerRoles are the roles that may; "manager".
	ManagerRoles []string
	// Origins are the origins whose pages may call from a browser, besides none at all.
	Origins []string
}

// maxBody bounds a request's body.
const maxBody = 4 << 10

// Handler serves the login:
//
//	POST /login          {device, user, pin, tenant?}     → {access_token, refresh_token, …}
//	POST /login/refresh  {device, refresh_token}          → the next two
//	POST /login/logout   {device, refresh_token}          → 204
//	POST /login/pin      {device, user, pin, new_pin}     → 204, and all of the user's sessions end
//	POST /login/device   {code}                           → {device, tenant, user?}
//	GET  /login/keys                                      → the public keys, as a JWK set
//
// and to managers, by their access token, for their own tenant:
//
//	POST   /login/codes  {user?, label?}                  → {code}
//	POST   /login/members/{user}/pin {pin}                → 204; enrols, and unlocks
//	DELETE /login/members/{user}/pin                      → 204
//	POST   /login/members/{user}/lock, …/unlock           → 204
//	DELETE /login/devices/{id}                            → 204
//
// Bodies are JSON that is read one way only, sent as application/json. Every refused try is the same 401, byte for byte.
func (s *Service) Handler(o HandlerOptions) http.Handler {
	if o.Prefix == "" {
		o.Prefix = "/login"
	}
	if o.Address == nil {
		o.Address = peer
	}
	if o.ManagerRoles == nil {
		o.ManagerRoles = []string{"manager"}
	}
	h := &handler{s: s, o: o}
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request, fields) (any, error){
		"POST ": h.login, "POST /refresh": h.refresh, "POST /logout": h.logout, "POST /pin": h.rotate, "POST /device": h.device,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" "+o.Prefix+path, h.reads(serve))
	}
	mux.Handle("GET "+o.Prefix+"/keys", s.o.Issuer)
	if o.Authorizer != nil {
		for pattern, serve := range map[string]func(*http.Request, fields, Operator, ringfence.Tenant) (any, error){
			"POST /codes": h.code, "POST /members/{user}/pin": h.enrol, "DELETE /members/{user}/pin": remove,
			"POST /members/{user}/lock": lock, "POST /members/{user}/unlock": unlock, "DELETE /devices/{id}": endDevice,
		} {
			method, path, _ := strings.Cut(pattern, " ")
			mux.Handle(method+" "+o.Prefix+path, h.reads(h.managed(serve)))
		}
	}
	return mux
}

type handler struct {
	s *Service
	o HandlerOptions
}

// fields are the texts of a request's body.
type fields map[string]string

// peer is the address of the connection.
func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}

func (h *handler) origin(r *http.Request) Origin {
	agent := r.UserAgent()
	return Origin{Address: h.o.Address(r), UserAgent: agent[:min(len(agent), 512)]}
}

var (
	errBody  = errors.New("the body is not what this takes")
	errAgent = errors.New("this page may not call")
)

// reads reads the body, serves, and writes the answer.
func (h *handler) reads(serve func(http.ResponseWriter, *http.Request, fields) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		body, err := h.body(w, r)
		var answer any
		if err == nil {
			answer, err = serve(w, r, body)
		}
		switch {
		case err != nil:
			h.fail(w, r, err)
		case answer == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			respond(w, http.StatusOK, answer)
		}
	})
}

func (h *handler) body(w http.ResponseWriter, r *http.Request) (fields, error) {
	if from := r.Header.Values("Origin"); len(from) > 1 || len(from) == 1 && !slices.Contains(h.o.Origins, from[0]) && !sameOrigin(from[0], r.Host) {
		return nil, errAgent
	}
	if r.Method == http.MethodDelete || r.ContentLength == 0 {
		return fields{}, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, errBody
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, errBody
	}
	all, err := strict.Object(text)
	if err != nil {
		return nil, errBody
	}
	out := fields{}
	for name, v := range all {
		s, ok := v.(string)
		if !ok || !slices.Contains([]string{"device", "user", "pin", "new_pin", "tenant", "refresh_token", "code", "label"}, name) {
			return nil, errBody
		}
		out[name] = s
	}
	return out, nil
}

// sameOrigin reports whether a page of this very host calls.
func sameOrigin(origin, host string) bool {
	_, at, ok := strings.Cut(origin, "://")
	return ok && at == host
}

// fail writes an error. What was wrong with a try is not told.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, word := http.StatusServiceUnavailable, "unavailable"
	var throttled *ThrottledError
	switch {
	case errors.Is(err, errBody):
		status, word = http.StatusBadRequest, "malformed"
	case errors.Is(err, ErrForm):
		status, word = http.StatusBadRequest, "pin_form"
	case errors.Is(err, ErrTrivial):
		status, word = http.StatusBadRequest, "pin_trivial"
	case errors.Is(err, ErrSame):
		status, word = http.StatusBadRequest, "pin_same"
	case errors.Is(err, errAgent), errors.Is(err, errRole):
		status, word = http.StatusForbidden, "forbidden"
	case errors.Is(err, ErrRefused):
		status, word = http.StatusUnauthorized, "not_accepted"
	case errors.Is(err, ErrNoPIN):
		status, word = http.StatusNotFound, "not_found"
	case errors.As(err, &throttled):
		status, word = http.StatusTooManyRequests, "too_many"
		w.Header().Set("Retry-After", strconv.Itoa(int(throttled.After/time.Second)+1))
	case errors.Is(err, ErrBusy):
		w.Header().Set("Retry-After", "1")
	default:
		if r.Context().Err() == nil {
			h.s.o.Log.Error("the login could not answer", "error", err)
		}
	}
	respond(w, status, map[string]string{"error": word})
}

func respond(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client has gone, or has its answer
}

func (h *handler) try(r *http.Request, b fields) Try {
	return Try{Device: b["device"], Tenant: b["tenant"], User: b["user"], PIN: b["pin"], From: h.origin(r)}
}

func (h *handler) login(_ http.ResponseWriter, r *http.Request, b fields) (any, error) {
	return answerTokens(h.s.Login(r.Context(), h.try(r, b)))
}

func (h *handler) refresh(_ http.ResponseWriter, r *http.Request, b fields) (any, error) {
	return answerTokens(h.s.Refresh(r.Context(), b["device"], b["refresh_token"], h.origin(r)))
}

func answerTokens(t Tokens, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return map[string]any{"access_token": t.Access, "token_type": "Bearer", "expires_in": int(time.Until(t.Expires) / time.Second), "refresh_token": t.Refresh,
		"session": t.Session, "tenant": t.Tenant.String(), "user": t.User, "roles": t.Roles}, nil
}

func (h *handler) logout(_ http.ResponseWriter, r *http.Request, b fields) (any, error) {
	return nil, h.s.Logout(r.Context(), b["device"], b["refresh_token"], h.origin(r))
}

func (h *handler) rotate(_ http.ResponseWriter, r *http.Request, b fields) (any, error) {
	return nil, h.s.Rotate(r.Context(), h.try(r, b), b["new_pin"])
}

func (h *handler) device(_ http.ResponseWriter, r *http.Request, b fields) (any, error) {
	token, tenant, user, err := h.s.Enrol(r.Context(), b["code"], h.origin(r))
	if err != nil {
		return nil, err
	}
	return map[string]string{"device": token, "tenant": tenant.String(), "user": user}, nil
}

var errRole = errors.New("this is a manager's to do")

// managed serves who shows a manager's token, for the token's tenant and no other.
func (h *handler) managed(serve func(*http.Request, fields, Operator, ringfence.Tenant) (any, error)) func(http.ResponseWriter, *http.Request, fields) (any, error) {
	return func(_ http.ResponseWriter, r *http.Request, b fields) (any, error) {
		from := h.origin(r)
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		id, err := h.o.Authorizer.Authorize(r.Context(), ringfence.Credential{Token: token, Address: from.text(), UserAgent: from.UserAgent})
		if refusal, ok := ringfence.RefusalOf(err); ok {
			h.recordRefusal(r.Context(), from, refusal.Event)
			return nil, ErrRefused
		}
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(id.Roles, func(role string) bool { return slices.Contains(h.o.ManagerRoles, role) }) {
			h.s.record(r.Context(), from, ringfence.Event{Type: ringfence.MessageForbidden, User: id.User, Tenant: id.Tenant.String(), Session: id.Session}, "reason", "role")
			return nil, errRole
		}
		return serve(r, b, h.s.Operator().as(from, id.User), id.Tenant)
	}
}

// recordRefusal keeps what an Authorizer refused that records nothing itself.
func (h *handler) recordRefusal(ctx context.Context, from Origin, e ringfence.Event) {
	h.s.record(ctx, from, ringfence.Event{Type: e.Type, User: e.User, Tenant: e.Tenant, Session: e.Session}, "reason", e.Detail["reason"])
}

// codeLife is how long a code that a manager made is good for.
const codeLife = time.Hour

func (h *handler) code(r *http.Request, b fields, o Operator, tenant ringfence.Tenant) (any, error) {
	code, err := o.Code(r.Context(), tenant, b["user"], b["label"], codeLife)
	if err != nil {
		return nil, err
	}
	return map[string]any{"code": code, "expires_in": int(codeLife / time.Second)}, nil
}

// enrol sets a PIN for a member of the manager's tenant, and for nobody else.
func (h *handler) enrol(r *http.Request, b fields, o Operator, tenant ringfence.Tenant) (any, error) {
	if _, err := h.s.member(r.Context(), o.from, tenant, r.PathValue("user")); err != nil {
		return nil, notFound(err)
	}
	return nil, o.Enrol(r.Context(), tenant, r.PathValue("user"), b["pin"])
}

// notFound is how a manager, who may know who is a member, is told that somebody is not.
func notFound(err error) error {
	if errors.Is(err, ErrRefused) {
		return ErrNoPIN
	}
	return err
}

func remove(r *http.Request, _ fields, o Operator, tenant ringfence.Tenant) (any, error) {
	return nil, o.Remove(r.Context(), tenant, r.PathValue("user"))
}

func lock(r *http.Request, _ fields, o Operator, tenant ringfence.Tenant) (any, error) {
	return nil, o.Lock(r.Context(), tenant, r.PathValue("user"))
}

func unlock(r *http.Request, _ fields, o Operator, tenant ringfence.Tenant) (any, error) {
	return nil, o.Unlock(r.Context(), tenant, r.PathValue("user"))
}

func endDevice(r *http.Request, _ fields, o Operator, tenant ringfence.Tenant) (any, error) {
	return nil, o.EndDevice(r.Context(), tenant, r.PathValue("id"))
}
