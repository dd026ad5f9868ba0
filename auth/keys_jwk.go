package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// jwk is the part of a JSON Web Key (RFC 7517, RFC 7518, 6; RFC 8037) that verifying needs.
type jwk struct {
	Type       string          `json:"kty"`
	Use        string          `json:"use,omitempty"`
	Operations []string        `json:"key_ops,omitempty"`
	Algorithm  string          `json:"alg,omitempty"`
	ID         string          `json:"kid,omitempty"`
	Curve      string          `json:"crv,omitempty"`
	N          string          `json:"n,omitempty"`
	E          string          `json:"e,omitempty"`
	X          string          `json:"x,omitempty"`
	Y          string          `json:"y,omitempty"`
	Private    json.RawMessage `json:"d,omitempty"` // its presence makes the key everybody's
}

// parseJWKS reads a key set document. Keys that are not for verifying signatures by an asymmetric algorithm, that publish
// their private part, or that are weak are left out and counted; a document with two keys of one id and algorithm, with
// more than max keys, or of the wrong form is refused whole.
func parseJWKS(data []byte, max int, rsaAlgorithm string) (keys keySet, left int, err error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &doc); err != nil || doc.Keys == nil {
		return nil, 0, errors.New("reading a key set: not a JSON document with a list of keys")
	}
	if len(doc.Keys) > max {
		return nil, 0, fmt.Errorf("reading a key set: %d keys are more than %d", len(doc.Keys), max)
	}
	keys = keySet{}
	for _, raw := range doc.Keys {
		k, ok := parseJWK(raw, rsaAlgorithm)
		if !ok {
			left++
			continue
		}
		if err := keys.add(k); err != nil {
			return nil, 0, fmt.Errorf("reading a key set: %w", err)
		}
	}
	return keys, left, nil
}

// parseJWK reads one key and types it to its algorithm; false where it is not one to trust.
func parseJWK(raw json.RawMessage, rsaAlgorithm string) (Key, bool) {
	var j jwk
	if err := json.Unmarshal(raw, &j); err != nil || j.Private != nil || (j.Use != "" && j.Use != "sig") {
		return Key{}, false
	}
	if len(j.Operations) > 0 && !slices.Contains(j.Operations, "verify") {
		return Key{}, false
	}
	k := Key{ID: j.ID, Algorithm: j.Algorithm}
	switch j.Type {
	case "RSA":
		if k.Algorithm == "" {
			k.Algorithm = rsaAlgorithm
		}
		k.Public = j.rsa()
	case "EC":
		p := j.ec()
		if p != nil && k.Algorithm == "" {
			k.Algorithm = curveAlgorithm(p.Curve)
		}
		k.Public = p
	case "OKP":
		if k.Algorithm == "" || k.Algorithm == "Ed25519" { // RFC 9864's name of the same
			k.Algorithm = "EdDSA"
		}
		k.Public = j.ed25519()
	}
	return k, checkKey(k) == nil
}

// part decodes one base64url member; nil where it is malformed or absurdly long.
func part(s string) []byte {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) > maxRSABits/8+1 {
		return nil
	}
	return b
}

func (j jwk) rsa() *rsa.PublicKey {
	e := new(big.Int).SetBytes(part(j.E))
	if e.BitLen() > 31 {
		return &rsa.PublicKey{}
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(part(j.N)), E: int(e.Int64())}
}

func (j jwk) ec() *ecdsa.PublicKey {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve, ok := curves[j.Curve]
	if !ok {
		return &ecdsa.PublicKey{}
	}
	size := (curve.Params().BitSize + 7) / 8
	x, y := part(j.X), part(j.Y)
	if len(x) != size || len(y) != size {
		return &ecdsa.PublicKey{}
	}
	p, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return &ecdsa.PublicKey{}
	}
	return p
}

func (j jwk) ed25519() ed25519.PublicKey {
	if j.Curve != "Ed25519" {
		return nil
	}
	return ed25519.PublicKey(part(j.X))
}
