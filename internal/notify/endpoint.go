package notify

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// A Kind is one way to reach somebody.
type Kind struct {
	Name string // file name without "kind_" and ".go"
	Doc  string

	// build makes the body and sets headers. delivery is the same in every attempt at one message.
	build func(e Endpoint, m Message, delivery string, h http.Header) ([]byte, error)
	// plain says whether http is allowed to another machine: not where the body itself holds a key.
	plain bool
	// receipt reads the receiver's own name for what it took; nil: it gives none.
	receipt func(body []byte) string
}

// Kinds returns every kind.
func Kinds() []*Kind { return []*Kind{&pagerDuty, &webhook} }

// An Endpoint is somebody to tell. URL and Key are secrets.
type Endpoint struct {
	Name string // for receipts and errors
	Kind *Kind
	URL  string
	Key  string // PagerDuty's routing key; what a webhook's body is signed with, or empty
}

// A Contact is an endpoint as configuration files have it: secrets stand in the environment, and the file names the variables.
// With routing_env it is PagerDuty, else a webhook.
type Contact struct {
	Name    string `yaml:"name"`                  // shown in receipts
	URL     string `yaml:"url_env,omitempty"`     // the variable that holds the URL; PagerDuty needs none
	Routing string `yaml:"routing_env,omitempty"` // the variable that holds PagerDuty's routing key
	Secret  string `yaml:"secret_env,omitempty"`  // the variable that holds what a webhook's bodies are signed with
}

// Check refuses a contact that cannot be called, whatever the environment holds, and one that holds an address in place of its variable's
// name.
func (c Contact) Check() error {
	switch {
	case c.Name == "":
		return errors.New("a contact has no name")
	case c.URL == "" && c.Routing == "":
		return fmt.Errorf("the contact %q: there is no URL", c.Name)
	case c.Routing != "" && c.Secret != "":
		return fmt.Errorf("the contact %q: secret_env is for webhooks, and routing_env makes it PagerDuty", c.Name)
	}
	for _, name := range []string{c.URL, c.Routing, c.Secret} {
		if strings.ContainsAny(name, ":/=@ ") {
			return fmt.Errorf("the contact %q names no variable: what is secret stays out of the file", c.Name)
		}
	}
	return nil
}

// Endpoint reads the variables. Errors name the variable, never what it holds.
func (c Contact) Endpoint(env func(string) (string, bool)) (Endpoint, error) {
	e := Endpoint{Name: c.Name, Kind: &webhook}
	if err := c.Check(); err != nil {
		return e, err
	}
	if c.Routing != "" {
		e.Kind, e.URL = &pagerDuty, pagerDutyURL
	}
	for _, v := range []struct {
		name string
		into *string
	}{{c.URL, &e.URL}, {c.Routing, &e.Key}, {c.Secret, &e.Key}} {
		if v.name == "" {
			continue
		}
		value, ok := env(v.name)
		if !ok || value == "" {
			return e, fmt.Errorf("the contact %q: the environment has no %s", c.Name, v.name)
		}
		*v.into = strings.TrimSpace(value)
	}
	if err := e.check(); err != nil {
		return e, fmt.Errorf("the contact %q: %w", c.Name, err)
	}
	return e, nil
}

// check refuses an address that a key would be sent to in the clear.
func (e Endpoint) check() error {
	u, err := url.Parse(e.URL)
	switch {
	case e.Kind == nil:
		return errors.New("it has no kind")
	case e.URL == "":
		return errors.New("there is no URL")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("its URL is no http or https URL")
	case u.Scheme == "http" && !e.Kind.plain && !loopback(u.Hostname()):
		return errors.New("its URL is http, and the routing key would go over the network in the clear")
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
