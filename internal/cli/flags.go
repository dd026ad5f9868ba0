package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/audit"
)

// readFlags are the flags that every read-only verb takes.
type readFlags struct {
	format        string
	output        string
	failOn        string
	tenantColumns []string
	context       string
	appRoles      []string
	schemas       []string
	config        string
	snapshot      string
	quiet         bool
	noColor       bool
	details       bool
	appDSN        string
	poolerDSN     string
}

// bind adds the flags to cmd. formats are the ones the verb can write, the default first.
func (f *readFlags) bind(cmd *cobra.Command, formats ...string) {
	fl := cmd.Flags()
	fl.StringVar(&f.format, "format", formats[0], "how to write the document: "+strings.Join(formats, ", "))
	fl.StringVarP(&f.output, "output", "o", "", "write the document to `FILE` instead of stdout")
	fl.StringVar(&f.failOn, "fail-on", "high", "exit 3 on findings of this severity or above: critical, high, medium, low, info, none")
	fl.StringArrayVar(&f.tenantColumns, "tenant-column", nil, "the tenant key's `NAME`; may be given again for other spellings")
	fl.StringVar(&f.context, "context", "", "the `SETTING` that holds the tenant, such as app.tenant_id")
	fl.StringArrayVar(&f.appRoles, "app-role", nil, "a `ROLE` the application connects as; replaces inference; may be given again")
	fl.StringArrayVar(&f.schemas, "schema", nil, "look at this `SCHEMA` only; may be given again")
	fl.StringVar(&f.config, "config", "", "read this `FILE` (default: ringfence.yaml, where there is one)")
	fl.StringVar(&f.snapshot, "snapshot", "", "read this `FILE`, made by ringfence snapshot, instead of a database")
	f.bindCommon(cmd)
	completeWords(cmd, "format", formats)
	completeWords(cmd, "fail-on", failOnWords)
}

// bindCommon adds what verbs that change something take too.
func (f *readFlags) bindCommon(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no notes on stderr")
	fl.BoolVar(&f.noColor, "no-color", false, "no colour; NO_COLOR does the same")
	fl.StringVar(&f.appDSN, "app-dsn", "", "the application's own `DSN`, to act as it really does")
	fl.StringVar(&f.poolerDSN, "pooler-dsn", "", "a `DSN` through the pooler, to act as the application really does")
}

// bindDetails adds what documents of leaks take.
func (f *readFlags) bindDetails(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.details, "details", false, "text: each leak by itself, with its own witness, not those of one cause together")
}

// bindModel adds what says how a schema is read, for verbs that change something.
func (f *readFlags) bindModel(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.appRoles, "app-role", nil, "a `ROLE` the application connects as; replaces inference; may be given again")
	cmd.Flags().StringVar(&f.config, "config", "", "read this `FILE` (default: ringfence.yaml, where there is one)")
}

// bindRun adds what verbs that act on a database take: what they report is text or JSON.
func (f *readFlags) bindRun(cmd *cobra.Command) {
	f.bindCommon(cmd)
	cmd.Flags().StringVar(&f.format, "format", "text", "how to write the document: text, json")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write the document to `FILE` instead of stdout")
	f.failOn = "none"
	completeWords(cmd, "format", []string{"text", "json"})
}

var failOnWords = []string{"critical", "high", "medium", "low", "info", "none"}

// check validates the flags' values against each other.
func (f *readFlags) check(formats []string, args []string) error {
	if !slices.Contains(formats, f.format) {
		return usage(fmt.Errorf("--format %q is not one of %s", f.format, strings.Join(formats, ", ")), "")
	}
	if !slices.Contains(failOnWords, f.failOn) {
		return usage(fmt.Errorf("--fail-on %q is not one of %s", f.failOn, strings.Join(failOnWords, ", ")), "")
	}
	if f.snapshot != "" && len(args) > 0 {
		return usage(fmt.Errorf("both a DSN and --snapshot were given"), "give one of them: a database, or the file that stands for it")
	}
	return nil
}

// reaches reports whether a finding of severity s is at or above the threshold.
func (f *readFlags) reaches(s audit.Severity) bool {
	at := slices.Index(failOnWords, string(s))
	return f.failOn != "none" && at >= 0 && at <= slices.Index(failOnWords, f.failOn)
}

func completeWords(cmd *cobra.Command, flag string, words []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}
