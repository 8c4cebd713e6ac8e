package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// settle resolves the settings of a command line as the program does.
func settle(t *testing.T, dir string, env map[string]string, args ...string) (*settings, error) {
	t.Helper()
	s := newShell(dir, env, &trial{})
	s.prepare(args)
	if s.fileErr != nil {
		return nil, s.fileErr
	}
	s.set.flags.ParseErrorsAllowlist.UnknownFlags = true // --config is the program's, not a setting
	if err := s.set.flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return s.set, s.set.resolve(s.file, s.places)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAFlagBeatsTheEnvironmentWhichBeatsTheFileWhichBeatsTheDefault(t *testing.T) {
	file := `http = "file:1"
listen = ["/ip4/1.1.1.1/tcp/1", "/ip4/1.1.1.1/tcp/2"]
mdns = false
free-floor = "2GB"
ollama-host = "file:11434"
`
	for _, c := range []struct {
		name string
		file string
		env  map[string]string
		args []string
		want map[string]any
	}{
		{"default", "", nil, nil, map[string]any{"http": "127.0.0.1:7117", "mdns": true, "floor": size(0), "listen": 4, "ollama": ""}},
		{"file", file, nil, nil, map[string]any{"http": "file:1", "mdns": false, "floor": size(2e9), "listen": 2, "ollama": "file:11434"}},
		{"environment", file, map[string]string{"SAVOIRS_HTTP": "env:1", "SAVOIRS_MDNS": "true", "SAVOIRS_FREE_FLOOR": "1GiB", "SAVOIRS_LISTEN": "/ip4/2.2.2.2/tcp/1", "OLLAMA_HOST": "env:11434"}, nil,
			map[string]any{"http": "env:1", "mdns": true, "floor": size(1 << 30), "listen": 1, "ollama": "env:11434"}},
		{"own name before Ollama's", "", map[string]string{"OLLAMA_HOST": "a:1", "SAVOIRS_OLLAMA_HOST": "b:1"}, nil,
			map[string]any{"http": "127.0.0.1:7117", "mdns": true, "floor": size(0), "listen": 4, "ollama": "b:1"}},
		{"flag", file, map[string]string{"SAVOIRS_HTTP": "env:1"}, []string{"--http", "flag:1", "--mdns", "--free-floor", "5", "--listen", "/x,/y,/z", "--ollama-host", "flag:11434"},
			map[string]any{"http": "flag:1", "mdns": true, "floor": size(5), "listen": 3, "ollama": "flag:11434"}},
	} {
		dir := t.TempDir()
		if c.file != "" {
			write(t, filepath.Join(dir, "home/.config/savoirs/config.toml"), c.file)
		}
		s, err := settle(t, dir, c.env, c.args...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := map[string]any{"http": s.HTTP, "mdns": s.MDNS, "floor": s.FreeFloor, "listen": len(s.Listen), "ollama": s.OllamaHost}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func TestTheDataDirectoryIsTheNearestOneNamed(t *testing.T) {
	own := func(t *testing.T, dir string) {
		if err := os.MkdirAll(filepath.Join(dir, "root/var/lib/savoirs"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		setup func(*testing.T, string)
		env   map[string]string
		args  []string
		want  string // below the directory of the test unless absolute
	}{
		{"user", nil, nil, nil, "home/.local/share/savoirs"},
		{"XDG", nil, map[string]string{"XDG_DATA_HOME": "/x"}, nil, "/x/savoirs"},
		{"relative XDG is void", nil, map[string]string{"XDG_DATA_HOME": "x"}, nil, "home/.local/share/savoirs"},
		{"service's, ours", own, map[string]string{"XDG_DATA_HOME": "/x"}, nil, "root/var/lib/savoirs"},
		{"file", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "root/etc/savoirs/config.toml"), `data = "/from-file"`)
		}, nil, nil, "/from-file"},
		{"environment", own, map[string]string{"SAVOIRS_DATA": "/e"}, nil, "/e"},
		{"flag", own, map[string]string{"SAVOIRS_DATA": "/e"}, []string{"--data", "/f"}, "/f"},
	} {
		dir := t.TempDir()
		if c.setup != nil {
			c.setup(t, dir)
		}
		s, err := settle(t, dir, c.env, c.args...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		want := c.want
		if !filepath.IsAbs(want) {
			want = filepath.Join(dir, want)
		}
		if s.Data != want {
			t.Errorf("%s: %s, want %s", c.name, s.Data, want)
		}
	}
}

func TestOnlyTheNearestConfigurationFileIsRead(t *testing.T) {
	dir := t.TempDir()
	data, user, system := filepath.Join(dir, "data/config.toml"), filepath.Join(dir, "home/.config/savoirs/config.toml"), filepath.Join(dir, "root/etc/savoirs/config.toml")
	write(t, system, `name = "system"`)
	read := func(env map[string]string, args ...string) string {
		t.Helper()
		s, err := settle(t, dir, env, append([]string{"--data", filepath.Join(dir, "data")}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return s.Name + s.Territory
	}
	if got := read(nil); got != "system" {
		t.Errorf("system file: %q", got)
	}
	write(t, user, `name = "user"`)
	if got := read(nil); got != "user" {
		t.Errorf("user file: %q", got)
	}
	write(t, data, `territory = "data"`)
	if got := read(nil); got != "data" {
		t.Errorf("the node's own file: %q", got)
	}
	named := filepath.Join(dir, "named.toml")
	write(t, named, `name = "named"`)
	if got := read(map[string]string{"SAVOIRS_CONFIG": named}); got != "named" {
		t.Errorf("file of the environment: %q", got)
	}
	if got := read(map[string]string{"SAVOIRS_CONFIG": user}, "--config", named); got != "named" {
		t.Errorf("file of the flag: %q", got)
	}
}

func TestAMistakeInTheConfigurationFileIsNamed(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key with a near one", "teritory = \"x\"", "territory"},
		{"unknown key with none near", "colour_of_the_sky = 1", "colour_of_the_sky"},
		{"syntax", "name = \"ok\"\nhttp = \n", "2"},
		{"kind of value", "mdns = \"maybe\"", "mdns"},
		{"list for a text", "name = [\"a\"]", "name"},
		{"number for a list", "free-floor = true", "free-floor"},
		{"value", "log = \"loud\"", "auto, debug, info, warn, error"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "c.toml"), c.text)
		r := tryIn(t, dir, nil, "status", "--config", filepath.Join(dir, "c.toml"))
		if r.exit != exitUsage || !strings.Contains(r.err.String(), c.want) {
			t.Errorf("%s: exit %d, %q; want exit 2 and %q", c.name, r.exit, r.err.String(), c.want)
		}
	}
}

func TestTheLanguageOfTheFileIsAfterTheEnvironmentsAndBeforeTheLocale(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "home/.config/savoirs/config.toml"), `lang = "en"`)
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"LANG": "fr_FR.UTF-8"}, "Usage:"},
		{map[string]string{"SAVOIRS_LANG": "fr"}, "Utilisation"},
	} {
		if r := tryIn(t, dir, c.env, "help", "pull"); !strings.Contains(r.out.String(), c.want) {
			t.Errorf("%v: %s lacks %q", c.env, r.out.String(), c.want)
		}
	}
}

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]size{
		"0": 0, "512": 512, "1k": 1000, "1 Ko": 1000, "2GB": 2e9, "2,5Go": 25e8, "1GiB": 1 << 30, "3MiB": 3 << 20, "1To": 1e12, "7b": 7,
	} {
		var s size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%q: %d, %v; want %d", text, s, err, want)
		}
	}
	for _, text := range []string{"", "-1", "lots", "1XB", "1e9", "9999999TB", "1 2"} {
		var s size
		if err := s.Set(text); err == nil {
			t.Errorf("%q was taken for %d", text, s)
		}
	}
}

func TestTheNearestWordIsSuggestedOnlyWhenItIsNear(t *testing.T) {
	list := []string{"territory", "status", "search", "serve"}
	for wrong, want := range map[string]string{"teritory": "territory", "statsu": "status", "serv": "serve", "serach": "search", "zzzz": "", "x": ""} {
		if got := nearest(wrong, list); got != want {
			t.Errorf("%q: %q, want %q", wrong, got, want)
		}
	}
}
