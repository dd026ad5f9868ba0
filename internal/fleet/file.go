package fleet

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/ringfencehq/ringfence/internal/bounded"
)

// A File is fleet.yaml. It holds no secret: a DSN stands in the environment, and the file names the variable.
type File struct {
	Databases []Database `yaml:"databases"`
}

// A Database is one entry of fleet.yaml.
type Database struct {
	Name          string            `yaml:"name"`                     // for its line
	DSN           string            `yaml:"dsn_env"`                  // the variable that holds its DSN
	Groups        []string          `yaml:"groups,omitempty"`         // to ask a part of the fleet
	Labels        map[string]string `yaml:"labels,omitempty"`         // kept in its line
	Config        string            `yaml:"config,omitempty"`         // its ringfence.yaml; default: the one of the working directory
	Lock          string            `yaml:"lock,omitempty"`           // its accepted state, for drift
	Rollout       string            `yaml:"rollout,omitempty"`        // the directory of its rollout
	Bench         []string          `yaml:"bench,omitempty"`          // files of ringfence bench, the earliest first, for the console
	AppRoles      []string          `yaml:"app_roles,omitempty"`      // replaces inference
	TenantColumns []string          `yaml:"tenant_columns,omitempty"` // the tenant key's spellings
	Context       string            `yaml:"context,omitempty"`        // the setting that holds the tenant
}

const maxFile = 4 << 20

// Read reads a fleet.yaml strictly.
func Read(path string) (*File, error) {
	text, err := bounded.ReadFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading the fleet: %w", err)
	}
	return Parse(text)
}

// Parse is Read for a text at hand.
func Parse(text []byte) (*File, error) {
	if len(text) > maxFile {
		return nil, errors.New("reading the fleet: the file is over 4 MiB")
	}
	var f File
	if err := bounded.DecodeYAML(text, &f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the fleet: %w", err)
	}
	seen := map[string]bool{}
	for i, d := range f.Databases {
		switch {
		case d.Name == "":
			return nil, fmt.Errorf("reading the fleet: databases[%d] has no name", i)
		case !nameable(d.Name):
			return nil, fmt.Errorf("reading the fleet: the name of databases[%d] is no name: up to %d letters that can be printed, without a slash", i, longestName)
		case seen[d.Name]:
			return nil, fmt.Errorf("reading the fleet: the name %q is there twice", d.Name)
		case d.DSN == "" || strings.ContainsAny(d.DSN, "=/: "):
			return nil, fmt.Errorf("reading the fleet: dsn_env of %q has to name a variable, not hold a DSN", d.Name)
		}
		seen[d.Name] = true
	}
	if len(f.Databases) == 0 {
		return nil, errors.New("reading the fleet: it lists no databases")
	}
	return &f, nil
}

// longestName bounds a database's name in letters.
const longestName = 100

// nameable reports whether a database may go by the name: it stands in lines that people read and in addresses of the console.
func nameable(name string) bool {
	return len([]rune(name)) <= longestName && name != "." && name != ".." &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == '\\' || r == unicode.ReplacementChar || !unicode.IsPrint(r) })
}

// In returns the databases of any of the groups; all, where none is given. A group that no database has is an error.
func (f *File) In(groups []string) ([]Database, error) {
	if len(groups) == 0 {
		return f.Databases, nil
	}
	for _, g := range groups {
		if !slices.ContainsFunc(f.Databases, func(d Database) bool { return slices.Contains(d.Groups, g) }) {
			return nil, fmt.Errorf("no database of the fleet is in the group %q", g)
		}
	}
	return slices.DeleteFunc(slices.Clone(f.Databases), func(d Database) bool {
		return !slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(d.Groups, g) })
	}), nil
}
