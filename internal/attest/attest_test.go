package attest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

func seal(t *testing.T) *Envelope {
	t.Helper()
	e, err := Seal([]Subject{SubjectOf("plan", DigestOf([]byte("p")))}, "https://ringfence.dev/approval/v1", map[string]string{"decision": "approve"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// keygen makes a key with the real tool and returns the private file and the public line.
func keygen(t *testing.T, args ...string) (file, public string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", append([]string{"-q", "-N", "", "-C", "somebody", "-f", file}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	line, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return file, strings.TrimSpace(string(line))
}

// theirs asks the real tool whether a signature of the key holds over message.
func theirs(t *testing.T, public string, message, signature []byte) error {
	t.Helper()
	parsed, err := sshsig.ParseSignature(signature)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	allowed := write("allowed", []byte("somebody "+public+"\n"))
	cmd := exec.Command("ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "somebody", "-n", Namespace, "-s", write("sig", sshsig.Armor(parsed)))
	cmd.Stdin = strings.NewReader(string(message))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return errors.New(string(out))
	}
	return nil
}

// Each kind of key signs by ssh-keygen and by ourselves, and both sides take what the other made.
func TestSSHKeygenAgreesBothWays(t *testing.T) {
	for name, args := range map[string][]string{"ed25519": {"-t", "ed25519"}, "ecdsa": {"-t", "ecdsa"}, "rsa": {"-t", "rsa", "-b", "3072"}} {
		t.Run(name, func(t *testing.T) {
			file, public := keygen(t, args...)
			byTool, err := KeygenSigner(file)
			if err != nil {
				t.Fatal(err)
			}
			byUs, err := FileSigner(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []Signer{byTool, byUs} {
				e := seal(t)
				if err := Sign(context.Background(), e, s); err != nil {
					t.Fatal(err)
				}
				if got, err := Verify(e, []Key{s.Key()}); err != nil || len(got) != 1 {
					t.Errorf("ours does not take it: %v, %v", got, err)
				}
				message, _ := Message(e)
				raw, _ := base64.StdEncoding.DecodeString(e.Signatures[0].Sig)
				if err := theirs(t, public, message, raw); err != nil {
					t.Errorf("ssh-keygen does not take it: %v", err)
				}
				if err := theirs(t, public, append(message, 'x'), raw); err == nil {
					t.Error("ssh-keygen takes it for other bytes")
				}
			}
		})
	}
}

// A signature is void for any other statement, namespace and key.
func TestVerifyRefuses(t *testing.T) {
	ctx := context.Background()
	file, _ := keygen(t, "-t", "ed25519")
	s, err := FileSigner(file)
	if err != nil {
		t.Fatal(err)
	}
	signed := seal(t)
	if err := Sign(ctx, signed, s); err != nil {
		t.Fatal(err)
	}
	edited := *signed
	body, _ := base64.StdEncoding.DecodeString(signed.Payload)
	edited.Payload = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(body), "approve", "reprove", 1)))
	if _, err := Verify(&edited, []Key{s.Key()}); !errors.Is(err, ErrSignature) {
		t.Errorf("an edited statement: %v", err)
	}
	other, _ := keygen(t, "-t", "ed25519")
	o, err := FileSigner(other)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Verify(signed, []Key{o.Key()}); err != nil || len(got) != 0 {
		t.Errorf("a key that did not sign: %v, %v", got, err)
	}
	forged := seal(t)
	forged.Signatures = append(forged.Signatures, signed.Signatures[0])
	forged.Signatures[0].KeyID = o.Key().ID()
	if _, err := Verify(forged, []Key{o.Key()}); !errors.Is(err, ErrSignature) {
		t.Errorf("a signature under another key's name: %v", err)
	}
	message, _ := Message(signed)
	elsewhere, err := sshsig.Sign(strings.NewReader(string(message)), s.(sshSigner).signer, sshsig.HashSHA512, "git")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Key().Verify(message, elsewhere.Marshal()); err == nil {
		t.Error("a signature made for another use is taken")
	}
	if err := Add(seal(t), s.Key(), elsewhere.Marshal()); err == nil {
		t.Error("a signature that does not hold is added")
	}
}

// hardware is a software authenticator: it signs as a FIDO key does, touched or not.
type hardware struct {
	private ed25519.PrivateKey
	public  ssh.PublicKey
	flags   byte
}

const application = "ssh:"

func newHardware(t *testing.T) *hardware {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	blob := ssh.Marshal(struct {
		Kind        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, public, application})
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		t.Fatal(err)
	}
	return &hardware{private, key, 1}
}

func (h *hardware) PublicKey() ssh.PublicKey { return h.public }

func (h *hardware) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	app, message := sha256.Sum256([]byte(application)), sha256.Sum256(data)
	counter := binary.BigEndian.AppendUint32(nil, 7)
	signed := append(append(append(app[:], h.flags), counter...), message[:]...)
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(h.private, signed), Rest: append([]byte{h.flags}, counter...)}, nil
}

// A hardware key's signature counts where it was touched; ssh-keygen takes the same bytes.
func TestHardwareKeys(t *testing.T) {
	h := newHardware(t)
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(h.public)))
	key, err := ParseKey(line)
	if err != nil {
		t.Fatal(err)
	}
	for _, touched := range []bool{true, false} {
		h.flags = map[bool]byte{true: 1, false: 0}[touched]
		message := []byte("message")
		raw, err := SSHSigner(h).Sign(context.Background(), message)
		if err != nil {
			t.Fatal(err)
		}
		if err := key.Verify(message, raw); (err == nil) != touched {
			t.Errorf("touched %t: %v", touched, err)
		}
		if err := theirs(t, line, message, raw); touched && err != nil {
			t.Errorf("ssh-keygen does not take it: %v", err)
		}
	}
}

func TestParseKey(t *testing.T) {
	_, public := keygen(t, "-t", "ed25519")
	_, weak := keygen(t, "-t", "rsa", "-b", "2048")
	_, almost := keygen(t, "-t", "rsa", "-b", "3064")
	edPublic, edPrivate, _ := ed25519.GenerateKey(rand.Reader)
	der, _ := x509.MarshalPKIXPublicKey(edPublic)
	file := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	for _, good := range []string{public, file} {
		if k, err := ParseKey(good); err != nil || k.ID() == "" {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "ssh-ed25519 AAAA", "no-touch-required " + public, weak, almost} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(edPrivate)
	private := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(private, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := FileSigner(private); err == nil {
		t.Error("a private key that others may read is taken")
	}
	if err := os.Chmod(private, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := FileSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	if k, _ := ParseKey(file); k.ID() != s.Key().ID() {
		t.Error("the file's key is another one")
	}
}

func TestApprovers(t *testing.T) {
	ctx := context.Background()
	adaFile, ada := keygen(t, "-t", "ed25519")
	ada2File, ada2 := keygen(t, "-t", "ecdsa")
	_, ben := keygen(t, "-t", "ed25519")
	ciFile, ci := keygen(t, "-t", "ed25519")
	text := `people:
  - name: Ada
    roles: [technical_lead, security]
    keys: ["` + ada + `", "` + ada2 + `"]
  - name: Ben
    roles: [product_owner]
    keys: ["` + ben + `"]
machines:
  - name: ci
    keys: ["` + ci + `"]
`
	a, err := ParseApprovers([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e := seal(t)
	for _, file := range []string{adaFile, ada2File, ciFile} {
		s, err := FileSigner(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := Sign(ctx, e, s); err != nil {
			t.Fatal(err)
		}
	}
	people, err := a.Signers(e)
	if err != nil || len(people) != 1 || people[0].Name != "Ada" {
		t.Errorf("two keys of one person and a machine's are %v people, %v", people, err)
	}
	if machines, err := a.Witnesses(e); err != nil || len(machines) != 1 || machines[0].Name != "ci" {
		t.Errorf("machines: %v, %v", machines, err)
	}
	for name, bad := range map[string]string{
		"one key of two people":   strings.Replace(text, ben, ada, 1),
		"one person twice":        strings.Replace(text, "name: Ben", "name: ada", 1),
		"letters nobody sees":     strings.Replace(text, "name: Ben", "name: \"A\\u200bda\"", 1),
		"a name of two lines":     strings.Replace(text, "name: Ben", "name: \"Ben\\nroot\"", 1),
		"letters that look alike": strings.Replace(text, "name: Ben", "name: \"\uff21da \"", 1),
		"one address of two":      strings.NewReplacer("name: Ada\n", "name: Ada\n    emails: [a@example.com]\n", "name: Ben\n", "name: Ben\n    emails: [A@example.com]\n").Replace(text),
		"an unknown field":        text + "also: true\n",
		"a machine without name":  strings.Replace(text, "name: ci", "name: \"\"", 1),
		"a machine named as one":  strings.Replace(text, "name: ci", "name: BEN", 1),
		"a machine nobody sees":   strings.Replace(text, "name: ci", "name: \"c\\u200bi\"", 1),
		"no role":                 strings.Replace(text, "[product_owner]", "[]", 1),
		"nobody":                  "people: []\n",
	} {
		if _, err := ParseApprovers([]byte(bad)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	root, err := FileSigner(adaFile)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := root.Sign(ctx, []byte(text))
	parsed, _ := sshsig.ParseSignature(raw)
	if err := CheckRoot([]byte(text), sshsig.Armor(parsed), root.Key()); err != nil {
		t.Error(err)
	}
	if err := CheckRoot([]byte(text+" "), sshsig.Armor(parsed), root.Key()); !errors.Is(err, ErrSignature) {
		t.Errorf("an edited file: %v", err)
	}
}

func TestCovers(t *testing.T) {
	a, b := SubjectOf("plan", DigestOf([]byte("1"))), SubjectOf("rollback", DigestOf([]byte("2")))
	s := &Statement{Subject: []Subject{a, b}}
	if !s.Covers([]Subject{b, a}) {
		t.Error("the same subjects in another order are not covered")
	}
	for _, other := range [][]Subject{{a}, {a, a}, {a, SubjectOf("rollback", DigestOf([]byte("3")))}, {a, {Name: "rollback"}}} {
		if s.Covers(other) {
			t.Errorf("%v is covered", other)
		}
	}
}

// A statement that two readers would read in two ways is none, signed or not.
func TestReadTakesOneReading(t *testing.T) {
	for text, fine := range map[string]bool{
		`{"_type":"@","subject":[{"name":"plan","digest":{"sha256":"x"}}],"predicateType":"p","predicate":{"role":"security"}}`:                             true,
		`{"_type":"@","subject":[{"name":"plan","digest":{"sha256":"x"}}],"predicateType":"p","predicate":{"role":"security","role":"technical_lead"}}`:     false,
		`{"_type":"@","subject":[{"name":"plan","digest":{"sha256":"x"}}],"predicateType":"p","predicate":{"role":"security","Role":"technical_lead"}}`:     false,
		`{"_type":"@","subject":[{"name":"plan","digest":{"sha256":"x","sha256":"y"}}],"predicateType":"p","predicate":{"role":"security"}}`:                false,
		`{"_type":"@","subject":[{"name":"plan","digest":{"sha256":"x"}}],"predicateType":"p","predicate":{"role":"security"}} {"predicateType":"another"}`: false,
	} {
		body := strings.Replace(text, "@", StatementType, 1)
		e := &Envelope{PayloadType: PayloadType, Payload: base64.StdEncoding.EncodeToString([]byte(body))}
		if _, err := Read(e); (err == nil) != fine || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
