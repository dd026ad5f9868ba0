package pin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// A device's token is its id and a random secret; the database has the secret's digest.
const (
	deviceMark  = "rfd_"
	refreshMark = "rfr_"
	codeMark    = "rfc_"
	secretBytes = 32
)

// newDevice makes a device and the token that is shown once.
func newDevice() (device, string) {
	var d device
	rand.Read(d.id[:])
	secret := make([]byte, secretBytes)
	rand.Read(secret)
	d.digest = sha256.Sum256(secret)
	return d, deviceMark + base64.RawURLEncoding.EncodeToString(append(d.id[:], secret...))
}

// parseDevice reads a device's token. What is none becomes a device that nobody has, so that it costs what a stranger's does.
func parseDevice(token string) device {
	raw, ok := decode(deviceMark, token, len(id{})+secretBytes)
	if !ok {
		d, _ := newDevice()
		return d
	}
	d := device{digest: sha256.Sum256(raw[len(id{}):])}
	copy(d.id[:], raw)
	return d
}

// newCode makes a one-time code and its digest.
func newCode() (string, [sha256.Size]byte) {
	raw := make([]byte, 15)
	rand.Read(raw)
	code := codeMark + base64.RawURLEncoding.EncodeToString(raw)
	return code, sha256.Sum256([]byte(code))
}

// refreshToken is a session, its generation, and an HMAC over both and the device: nothing of it is stored. The key is any
// pepper's, so that a new pepper ends no session.
func (p *Peppers) refreshToken(session id, generation int64, of device) (string, bool) {
	mac, ok := p.refreshMAC(p.current, session, generation, of)
	if !ok {
		return "", false
	}
	raw := binary.BigEndian.AppendUint64(append([]byte{}, session[:]...), uint64(generation))
	return refreshMark + base64.RawURLEncoding.EncodeToString(append(raw, mac...)), true
}

func (p *Peppers) refreshMAC(pepper string, session id, generation int64, of device) ([]byte, bool) {
	key, ok := p.derive(pepper, "refresh", "")
	if !ok {
		return nil, false
	}
	m := hmac.New(sha256.New, key)
	m.Write(session[:])
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(generation))
	m.Write(n[:])
	m.Write(of.id[:])
	return m.Sum(nil), true
}

// readRefresh verifies a refresh token of a device.
func (p *Peppers) readRefresh(token string, of device) (session id, generation int64, ok bool) {
	raw, ok := decode(refreshMark, token, len(session)+8+sha256.Size)
	if !ok {
		return id{}, 0, false
	}
	copy(session[:], raw)
	generation = int64(binary.BigEndian.Uint64(raw[len(session):]))
	for pepper := range p.keys {
		if mac, made := p.refreshMAC(pepper, session, generation, of); made && hmac.Equal(mac, raw[len(session)+8:]) {
			return session, generation, true
		}
	}
	return id{}, 0, false
}

// decode reads a token of one form and length.
func decode(mark, token string, n int) ([]byte, bool) {
	encoded, marked := strings.CutPrefix(token, mark)
	if !marked || len(encoded) != base64.RawURLEncoding.EncodedLen(n) {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	return raw, err == nil
}
