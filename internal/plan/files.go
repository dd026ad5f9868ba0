package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/visible"
)

// The files of a plan's directory. plan.json is the plan; the others are made from it.
const (
	PlanFile     = "plan.json"
	ForwardFile  = "forward.sql"
	RollbackFile = "rollback.sql"
	VerifyFile   = "verify.sql"
	RunbookFile  = "RUNBOOK.md"
	ImpactFile   = "impact.json" // who loses what: counted in a database, and so not made from the plan alone
)

// maxPlan bounds a plan.json that is read: some ten thousand tables.
const maxPlan = 256 << 20

// Write writes a plan's files into dir, which it makes where it is not there. Each file is replaced as a whole. Errors are those
// of the file system.
func Write(dir string, p *Plan) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the plan's directory: %w", err)
	}
	files, err := render(p)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(files) {
		if err := replaceFile(filepath.Join(dir, name), files[name]); err != nil {
			return fmt.Errorf("writing the plan: %w", err)
		}
	}
	return nil
}

// render gives every file's bytes.
func render(p *Plan) (map[string][]byte, error) {
	text, err := marshal(p)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		PlanFile: text, ForwardFile: []byte(forwardSQL(p)), RollbackFile: []byte(rollbackSQL(p)), VerifyFile: []byte(verifySQL(p)),
		RunbookFile: []byte(runbookMD(p)),
	}, nil
}

// marshal writes the plan's JSON with SQL as SQL: no escapes for <, > and &, but for what a reviewer could not see.
func marshal(p *Plan) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("writing the plan as JSON: %w", err)
	}
	return visible.JSON(b.Bytes()), nil
}

func replaceFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".plan-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Read reads a plan's directory. It refuses a plan.json that is not exactly one plan of this schema, that breaks a rule every
// plan keeps (see Check), and a directory whose SQL files are not the ones this plan gives: what was reviewed there would
// not be what runs. A file of SQL may be missing.
func Read(dir string) (*Plan, error) {
	text, err := bounded.ReadRegular(filepath.Join(dir, PlanFile), maxPlan)
	if err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	p, err := Decode(text)
	if err != nil {
		return nil, err
	}
	files, err := render(p)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{ForwardFile, RollbackFile, VerifyFile} {
		has, err := bounded.ReadRegular(filepath.Join(dir, name), maxPlan)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the plan: %w", err)
		}
		if !bytes.Equal(has, files[name]) {
			return nil, fmt.Errorf("reading the plan: %s is not what %s gives; plan again, or remove it", name, PlanFile)
		}
	}
	return p, nil
}

// Decode reads a plan's JSON, as strictly as Read does: no unknown and no doubled field, nothing after the plan, UTF-8 only.
func Decode(text []byte) (*Plan, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("reading the plan: it is not UTF-8")
	}
	dec := json.NewDecoder(bounded.JSON(bytes.NewReader(text), maxPlan))
	dec.DisallowUnknownFields()
	var p Plan
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading the plan: something stands after it")
	}
	if err := asWritten(text, &p); err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	if err := Check(&p, Allowed{Any: AnyDanger}); err != nil {
		return nil, err
	}
	return &p, nil
}

// asWritten refuses JSON that is not what Write gives for the plan, but for spacing: a key that stands twice, or in other letters,
// is read differently by different readers.
func asWritten(text []byte, p *Plan) error {
	written, err := marshal(p)
	if err != nil {
		return err
	}
	var has, want bytes.Buffer
	if err := errors.Join(json.Compact(&has, text), json.Compact(&want, written)); err != nil {
		return err
	}
	if !bytes.Equal(has.Bytes(), want.Bytes()) {
		return errors.New("its JSON says something twice or in another way than it is written")
	}
	return nil
}

// Files gives every file of a plan's directory, as Write writes it.
func Files(p *Plan) (map[string][]byte, error) { return render(p) }
