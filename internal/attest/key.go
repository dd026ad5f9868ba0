package attest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/hiddeco/sshsig"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"golang.org/x/crypto/ssh"

	"github.com/ringfencehq/ringfence/internal/bounded"
)

// A Key is a public key that may sign.
type Key struct{ public ssh.PublicKey }

// ParseKey reads a public key as a line of authorized_keys (ssh-ed25519, ecdsa, rsa of 3072 bits or more, and the hardware keys
// sk-…), or as the PEM of an Ed25519 public key. Options such as no-touch-required are refused: a key is not weaker here than it
// looks.
func ParseKey(text string) (Key, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return Key{}, errors.New("reading a public key: the PEM holds none")
		}
		public, ok := parsed.(ed25519.PublicKey)
		if !ok {
			return Key{}, errors.New("reading a public key: of PEM files only Ed25519 is taken")
		}
		key, err := ssh.NewPublicKey(public)
		return Key{key}, err
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil {
		return Key{}, errors.New("reading a public key: it is no line as in authorized_keys")
	}
	if len(options) > 0 {
		return Key{}, errors.New("reading a public key: it has options, and none is taken")
	}
	return Key{key}, strong(key)
}

// strong refuses what nobody should sign a change to production with.
func strong(key ssh.PublicKey) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return nil
	case ssh.KeyAlgoRSA:
		if public, ok := key.(ssh.CryptoPublicKey).CryptoPublicKey().(*rsa.PublicKey); ok && public.N.BitLen() >= 3072 {
			return nil
		}
		return errors.New("reading a public key: an RSA key must have 3072 bits")
	}
	return fmt.Errorf("reading a public key: %s is not taken", key.Type())
}

// ID is the key's fingerprint, as ssh-keygen -l prints it.
func (k Key) ID() string { return ssh.FingerprintSHA256(k.public) }

// Verify checks one signature, raw as an envelope holds it, over message. A hardware key's signature counts only where its owner
// touched it.
func (k Key) Verify(message, signature []byte) error {
	s, err := sshsig.ParseSignature(signature)
	if err != nil {
		return fmt.Errorf("reading a signature: %w", err)
	}
	if err := sshsig.Verify(bytes.NewReader(message), s, k.public, s.HashAlgorithm, Namespace); err != nil {
		return fmt.Errorf("checking a signature of %s: %w", k.ID(), err)
	}
	return nil
}

// A Signer makes signatures with one key.
type Signer interface {
	Key() Key
	// Sign returns the signature over message as an envelope holds it.
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// FileSigner reads an unencrypted private key (PEM or OpenSSH) that only its owner may read: for machines. People sign by
// KeygenSigner, where the agent or the hardware holds the key.
func FileSigner(file string) (Signer, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("reading a private key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("reading a private key: others may read %s; chmod 600 it", file)
	}
	text, err := bounded.ReadFile(file, maxKey)
	if err != nil {
		return nil, fmt.Errorf("reading a private key: %w", err)
	}
	s, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("reading a private key: %s holds none that can be used without a passphrase", file)
	}
	return sshSigner{s}, strong(s.PublicKey())
}

// SSHSigner signs with a key that is at hand.
func SSHSigner(s ssh.Signer) Signer { return sshSigner{s} }

type sshSigner struct{ signer ssh.Signer }

func (s sshSigner) Key() Key { return Key{s.signer.PublicKey()} }

func (s sshSigner) Sign(_ context.Context, message []byte) ([]byte, error) {
	sig, err := sshsig.Sign(bytes.NewReader(message), s.signer, sshsig.HashSHA512, Namespace)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return sig.Marshal(), nil
}

// maxKey bounds a file with a key.
const maxKey = 1 << 20

// KeygenSigner signs by ssh-keygen -Y sign with the key in file: a private key, which ssh-keygen may ask a passphrase for, or a
// public one whose private half the agent or a hardware key holds.
func KeygenSigner(file string) (Signer, error) {
	text, err := bounded.ReadFile(strings.TrimSuffix(file, ".pub")+".pub", maxKey)
	if err != nil {
		return nil, fmt.Errorf("reading a public key: %w", err)
	}
	key, err := ParseKey(string(text))
	return keygenSigner{file, key}, err
}

type keygenSigner struct {
	file string
	key  Key
}

func (s keygenSigner) Key() Key { return s.key }

func (s keygenSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "ssh-keygen", "-q", "-Y", "sign", "-f", s.file, "-n", Namespace)
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(message), &out, &complaints
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("signing by ssh-keygen: %w: %s", err, strings.TrimSpace(complaints.String()))
	}
	sig, err := sshsig.Unarmor(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("reading what ssh-keygen signed: %w", err)
	}
	return sig.Marshal(), nil
}

// Sign adds a signature to the envelope; one of the same key is replaced.
func Sign(ctx context.Context, e *Envelope, s Signer) error {
	message, err := Message(e)
	if err != nil {
		return err
	}
	raw, err := s.Sign(ctx, message)
	if err != nil {
		return err
	}
	return Add(e, s.Key(), raw)
}

// Add takes a signature that was made elsewhere, once it is seen to hold.
func Add(e *Envelope, k Key, signature []byte) error {
	message, err := Message(e)
	if err != nil {
		return err
	}
	if err := k.Verify(message, signature); err != nil {
		return err
	}
	kept := []dsse.Signature{}
	for _, have := range e.Signatures {
		if have.KeyID != k.ID() {
			kept = append(kept, have)
		}
	}
	if len(kept) >= signaturesLimit {
		return fmt.Errorf("adding a signature: the envelope has %d already", len(kept))
	}
	e.Signatures = append(kept, dsse.Signature{KeyID: k.ID(), Sig: base64.StdEncoding.EncodeToString(signature)})
	return nil
}

// Verify returns which of the keys signed the envelope, each once. A signature of a key that is not among them is left out; one
// of a key that is, and does not hold, is an error that satisfies errors.Is(err, ErrSignature).
func Verify(e *Envelope, keys []Key) ([]Key, error) {
	message, err := Message(e)
	if err != nil {
		return nil, err
	}
	if len(e.Signatures) > signaturesLimit {
		return nil, fmt.Errorf("%w: there are %d of them", ErrSignature, len(e.Signatures))
	}
	var out []Key
	for _, k := range keys {
		for _, s := range e.Signatures {
			if s.KeyID != k.ID() {
				continue
			}
			raw, err := base64.StdEncoding.DecodeString(s.Sig)
			if err == nil {
				err = k.Verify(message, raw)
			}
			if err != nil {
				return nil, fmt.Errorf("%w: %v", ErrSignature, err)
			}
			out = append(out, k)
			break
		}
	}
	return out, nil
}

// ErrSignature says that a signature does not hold.
var ErrSignature = errors.New("bad signature")

// Line is the key as authorized_keys has it.
func (k Key) Line() string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.public))) }
