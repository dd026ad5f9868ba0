package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/visible"
)

// maxJSON is the largest file that ReadJSON takes: some forty thousand tables.
const maxJSON = 1 << 30

// WriteJSON writes the Snapshot in its canonical form: equal Snapshots give equal bytes, and what ReadJSON reads is written
// back byte for byte, but for Server.Offline.
func (s *Snapshot) WriteJSON(w io.Writer) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(s)
	if err == nil {
		_, err = w.Write(visible.JSON(b.Bytes()))
	}
	if err != nil {
		return fmt.Errorf("writing the snapshot: %w", err)
	}
	return nil
}

// ReadJSON reads what WriteJSON wrote. Server.Offline is true in the result. A file that is broken, of another kind or
// version, or larger than a gigabyte is an error; fields it does not know are left out, since a later version only adds. A list that is
// null or not there is an empty one.
func ReadJSON(r io.Reader) (*Snapshot, error) {
	return readJSON(r, maxJSON)
}

func readJSON(r io.Reader, limit int64) (*Snapshot, error) {
	dec := json.NewDecoder(bounded.JSON(r, limit))
	s := &Snapshot{}
	err := dec.Decode(s)
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("reading the snapshot: the file is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("reading the snapshot: the file ends in the middle")
	case err != nil:
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	case s.Schema == "":
		return nil, fmt.Errorf("reading the snapshot: this is no snapshot (%q is missing)", "schema")
	case s.Schema != SchemaVersion:
		return nil, fmt.Errorf("reading the snapshot: its schema is %q, not %q", s.Schema, SchemaVersion)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading the snapshot: something follows after its end")
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("reading the snapshot: %w", err)
	}
	s.Server.Offline = true
	s.normalize()
	s.Reindex()
	return s, nil
}

// validate refuses what no database can have and what later readers would trip over: missing and double names.
func (s *Snapshot) validate() error {
	if s.Server.VersionNum < minVersion {
		return fmt.Errorf("server.version_num is %d, below 14", s.Server.VersionNum)
	}
	if len(s.Roles) == 0 {
		return errors.New("it has no roles")
	}
	seen := make(map[string]bool, len(s.Relations)+len(s.Functions))
	check := func(kind, name, identity string) error {
		if name == "" {
			return fmt.Errorf("a %s has no name", kind)
		}
		if seen[kind+" "+identity] {
			return fmt.Errorf("%s %s is in it twice", kind, identity)
		}
		seen[kind+" "+identity] = true
		return nil
	}
	for i := range s.Roles {
		if err := check("role", s.Roles[i].Name, s.Roles[i].Identity()); err != nil {
			return err
		}
	}
	for i := range s.Relations {
		if err := check("relation", s.Relations[i].Name, s.Relations[i].Identity()); err != nil {
			return err
		}
	}
	for i := range s.Functions {
		if err := check("function", s.Functions[i].Name, s.Functions[i].Identity()); err != nil {
			return err
		}
	}
	return nil
}
