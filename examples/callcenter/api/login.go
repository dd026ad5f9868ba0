package api

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
)

// rounds of PBKDF2-HMAC-SHA256 for a password.
const rounds = 600_000

// HashPassword makes the text that users.password_hash holds.
func HashPassword(password string) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	return hashWith(password, salt)
}

func hashWith(password string, salt []byte) (string, error) {
	key, err := pbkdf2.Key(sha256.New, password, salt, rounds, 32)
	if err != nil {
		return "", errors.New("hashing a password")
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("pbkdf2-sha256$%s$%s", b64(salt), b64(key)), nil
}

// checkPassword compares at the same cost whether the stored text is a hash or not.
func checkPassword(stored, password string) bool {
	salt := make([]byte, 16)
	parts := strings.Split(stored, "$")
	if len(parts) == 3 {
		if s, err := base64.RawStdEncoding.DecodeString(parts[1]); err == nil {
			salt = s
		}
	}
	got, err := hashWith(password, salt)
	return err == nil && subtle.ConstantTimeCompare([]byte(got), []byte(stored)) == 1
}

type loginRequest struct {
	Email        string `json:"email"`
	Password     string `json:"password"`
	Organization string `json:"organization"`
}

// login finds the user by a narrow function, before any tenant is known, and then asks for the membership in the organisation
// that was named. Unknown users, wrong passwords and foreign organisations are one answer, after the same work.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	in, err := read[loginRequest](w, r)
	tenant, bad := ringfence.ParseTenant(in.Organization)
	if err != nil || bad != nil || !plain(in.Email) || len(in.Email) > 256 || len(in.Password) > 256 {
		answer(w, http.StatusBadRequest, invalid)
		return
	}
	var user, stored string
	err = s.pool.ServiceRow(r.Context(), "login", in.Email).Scan(&user, &stored)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		s.fail(w, r, err)
		return
	}
	ok := checkPassword(stored, in.Password)
	roles, err := s.members.Member(r.Context(), tenant, user)
	if err != nil && !errors.Is(err, auth.ErrNotMember) {
		s.fail(w, r, err)
		return
	}
	if !ok || err != nil {
		s.refuse(w, r, ringfence.Event{Type: ringfence.PINFailed, User: user, AttemptedTenant: tenant.String()})
		return
	}
	token, err := s.issuer.Issue(ringfence.Identity{Tenant: tenant, User: user, Session: rand.Text(), Roles: roles})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	body, _ := json.Marshal(map[string]string{"token": token})
	answer(w, http.StatusOK, body)
}

// refuse records what this package refuses itself, and answers as the middleware does.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, e ringfence.Event) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	e.Address, e.UserAgent, e.Detail = host, r.UserAgent(), map[string]string{"route": r.Pattern}
	if err := s.config.Recorder.Record(r.Context(), e); err != nil {
		s.config.Logger.ErrorContext(r.Context(), "recording a refusal", "error", err)
	}
	ringfence.WriteRefusal(w, ringfence.Refuse(ringfence.Event{Type: ringfence.TokenInvalid}, nil))
}
