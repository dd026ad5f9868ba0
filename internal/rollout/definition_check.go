package rollout

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// HookNames are the hooks that are asked for.
var HookNames = []string{"backup_age", "restore", "disk", "alert", "deploy", "revert", "health", "smoke", "integration", "workflows", "logins", "backlog", "p95", "sqlstates", "notify"}

// rosterRoles are the roles that are called.
var rosterRoles = []string{"on_call", "database_administrator", "security", "product_owner"}

// check refuses what would be passed over in silence: a hook, a role or a contact that nobody ever asks.
func (d *Definition) check() error {
	for name, hook := range d.Hooks {
		switch {
		case !slices.Contains(HookNames, name):
			return fmt.Errorf("reading rollout.yaml: there is no hook %q; there are %s", name, strings.Join(HookNames, ", "))
		case len(hook.Argv) == 0 || hook.Argv[0] == "":
			return fmt.Errorf("reading rollout.yaml: the hook %s has no command", name)
		case hook.Timeout < 0:
			return fmt.Errorf("reading rollout.yaml: the timeout of the hook %s is negative", name)
		}
	}
	for i, role := range d.Roles {
		if role == "" || slices.Contains(d.Roles[:i], role) {
			return fmt.Errorf("reading rollout.yaml: the role %q has no name of its own", role)
		}
	}
	for role, contacts := range d.Roster.Roles {
		if !slices.Contains(rosterRoles, role) {
			return fmt.Errorf("reading rollout.yaml: the roster has no role %q; it has %s", role, strings.Join(rosterRoles, ", "))
		}
		for _, c := range contacts {
			if err := c.Check(); err != nil {
				return fmt.Errorf("reading rollout.yaml: the roster's %s: %w", role, err)
			}
		}
	}
	for _, c := range d.Roster.Ticket {
		if err := c.Check(); err != nil {
			return fmt.Errorf("reading rollout.yaml: the roster's tickets: %w", err)
		}
	}
	if d.Watch.Calls < 0 {
		return errors.New("reading rollout.yaml: watch.calls is negative")
	}
	return checkPrometheus(d.Prometheus)
}

// checkPrometheus refuses an address that cannot be asked, or that holds a password: the file is committed.
func checkPrometheus(base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New("reading rollout.yaml: prometheus is no address as http://prometheus:9090, without a password")
	}
	return nil
}
