package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/report"
)

// compareFlags are the documents of a before-and-after report.
type compareFlags struct {
	before, after, runs []string
}

func (c *compareFlags) bind(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&c.before, "before", nil, "a document of the state before, a `FILE` of audit, prove, bench or snapshot; may be given again")
	cmd.Flags().StringArrayVar(&c.after, "after", nil, "the same of the state after, a `FILE`; may be given again")
	cmd.Flags().StringArrayVar(&c.runs, "run", nil, "what ringfence apply did in between, a `FILE`; may be given again")
}

func (c *compareFlags) given() bool { return len(c.before)+len(c.after)+len(c.runs) > 0 }

// read reads the documents and sets them beside each other.
func (c *compareFlags) read(from string) (*report.Report, error) {
	switch {
	case from != "":
		return nil, usage(errors.New("--from stands for one document, --before and --after for two states"), "give one or the other")
	case len(c.before) == 0 || len(c.after) == 0:
		return nil, usage(errors.New("--before and --after belong together"), "name a document of each state")
	}
	before, err := readState(c.before)
	if err != nil {
		return nil, err
	}
	after, err := readState(c.after)
	if err != nil {
		return nil, err
	}
	var runs []*report.Run
	for _, name := range c.runs {
		r, _, err := readDocument(name)
		if err != nil {
			return nil, err
		}
		if r == nil || r.Run == nil {
			return nil, usage(fmt.Errorf("--run %s: it is no document of ringfence apply", name), "ringfence apply --format json -o FILE writes one")
		}
		runs = append(runs, r.Run)
	}
	r, err := report.OfCompare(before, after, runs)
	if err != nil {
		return nil, usage(err, "")
	}
	return r, nil
}

func readState(names []string) (report.State, error) {
	var s report.State
	for _, name := range names {
		r, snap, err := readDocument(name)
		if err != nil {
			return s, err
		}
		if snap != nil {
			s.Snapshot = snap
			continue
		}
		if err := s.Add(r); err != nil {
			return s, usage(fmt.Errorf("%s: %w", name, err), "")
		}
	}
	return s, nil
}

// readDocument reads a document of any verb, or a snapshot.
func readDocument(name string) (*report.Report, *catalog.Snapshot, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the report: %w", err)
	}
	defer in.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, fmt.Errorf("reading %s: %w", name, err)
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), in)
	if bytes.Contains(head[:n], []byte(`"`+catalog.SchemaVersion+`"`)) {
		snap, err := catalog.ReadJSON(whole)
		return nil, snap, err
	}
	r, err := report.ReadJSON(whole)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil, nil
}
