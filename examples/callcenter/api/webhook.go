package api

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/ringfencehq/ringfence"
)

// webhookAge is how old a webhook may be: what was overheard cannot be sent again later.
const webhookAge = 5 * time.Minute

type webhookRequest struct {
	Trunk string `json:"trunk"`
	Call  string `json:"call"`
	Event string `json:"event"`
	At    int64  `json:"at"` // seconds since 1970
}

// Sign makes the signature of a webhook's body, as the provider does.
func Sign(secret, body []byte) string {
	m := hmac.New(sha256.New, secret)
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// webhook takes an event of the telephony provider. It knows no tenant: a narrow function finds it by the trunk.
func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		answer(w, http.StatusBadRequest, invalid)
		return
	}
	if len(s.config.WebhookSecret) < 32 || !hmac.Equal([]byte(r.Header.Get("X-Signature")), []byte(Sign(s.config.WebhookSecret, body))) {
		s.refuse(w, r, ringfence.Event{Type: ringfence.TokenInvalid})
		return
	}
	var in webhookRequest
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || !uuidText.MatchString(in.Trunk) || !uuidText.MatchString(in.Call) || len(in.Event) > 64 || !plain(in.Event) {
		answer(w, http.StatusBadRequest, invalid)
		return
	}
	if age := s.config.Now().Sub(time.Unix(in.At, 0)); age > webhookAge || age < -webhookAge {
		s.refuse(w, r, ringfence.Event{Type: ringfence.TokenExpired})
		return
	}
	var id *int64
	if err := s.pool.ServiceRow(r.Context(), "webhook", in.Trunk, in.Call, in.Event).Scan(&id); err != nil {
		s.fail(w, r, err)
		return
	}
	if id == nil {
		answer(w, http.StatusNotFound, notFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
