package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"savoirs/node/words"
)

// trial is one run of the program inside the test.
type trial struct {
	out, err bytes.Buffer
	exit     int
}

// try runs a command line as on a machine with nothing of ours on it but dir.
func try(t *testing.T, env map[string]string, args ...string) *trial {
	t.Helper()
	return tryIn(t, t.TempDir(), env, args...)
}

func tryIn(t *testing.T, dir string, env map[string]string, args ...string) *trial {
	t.Helper()
	r := &trial{}
	r.exit = newShell(dir, env, r).run(args)
	return r
}

func newShell(dir string, env map[string]string, r *trial) *shell {
	return &shell{
		in: strings.NewReader(""), out: &r.out, err: &r.err, width: func() int { return 80 },
		places: places{env: func(name string) string { return env[name] }, root: filepath.Join(dir, "root"), home: filepath.Join(dir, "home")},
	}
}

func TestEveryCommandAndEveryFlagHasWords(t *testing.T) {
	for _, lang := range words.Langs() {
		s := newShell(t.TempDir(), nil, &trial{})
		s.prepare([]string{"--lang", lang})
		var walk func(c *cobra.Command)
		walk = func(c *cobra.Command) {
			for what, text := range map[string]string{"short": c.Short, "long": c.Long, "use": c.Use, "example": c.Example} {
				if strings.Contains(text, "cmd.") || what == "short" && text == "" {
					t.Errorf("%s: %s has no words for %s: %q", lang, c.CommandPath(), what, text)
				}
			}
			c.Flags().VisitAll(func(f *pflag.Flag) {
				if strings.HasPrefix(f.Usage, "flag.") || f.Usage == "" {
					t.Errorf("%s: %s --%s has no words", lang, c.CommandPath(), f.Name)
				}
			})
			for _, sub := range c.Commands() {
				walk(sub)
			}
		}
		walk(s.root())
	}
}

func TestMistakesInACommandLineAreUsageErrorsThatShowTheWay(t *testing.T) {
	for _, c := range []struct {
		line string
		want string
	}{
		{"statsu", "savoirs status"},
		{"mesh blok", "savoirs mesh block"},
		{"zzzzzzz", "savoirs --help"},
		{"ask --sorces 3 x", "--sources"},
		{"ask --sources", "savoirs ask --help"},
		{"ask --sources many x", "many"},
		{"ask -x", "-x"},
		{"pull", "savoirs pull REF"},
		{"pull a b", "« b »"},
		{"serve --engine cloud", "auto, none"},
		{"serve --free-floor lots", "lots"},
		{"completion tcsh", "bash, zsh, fish"},
		{"help statsu", "savoirs status"},
	} {
		r := try(t, nil, strings.Fields(c.line)...)
		said := strings.ReplaceAll(r.err.String(), "\u00a0", " ")
		if r.exit != exitUsage || !strings.Contains(said, c.want) {
			t.Errorf("%s: exit %d, said %q; want exit 2 and %q", c.line, r.exit, said, c.want)
		}
		if r.out.Len() > 0 {
			t.Errorf("%s: wrote %q to stdout", c.line, r.out.String())
		}
	}
}

func TestErrorsAreJSONOnRequest(t *testing.T) {
	r := try(t, nil, "--json", "--lang", "en", "statsu")
	var e struct {
		Error struct {
			Code, Message, What, Safe, Next string
			Exit                            int
		}
	}
	if err := json.Unmarshal(r.err.Bytes(), &e); err != nil {
		t.Fatalf("%v in %s", err, r.err.String())
	}
	if e.Error.Code != "unknown_command" || e.Error.Exit != 2 || e.Error.What == "" || !strings.Contains(e.Error.Next, "status") {
		t.Errorf("%+v", e.Error)
	}
}

func TestHelpSpeaksTheLanguageAskedFor(t *testing.T) {
	for _, c := range []struct {
		args []string
		env  map[string]string
		want string
	}{
		{[]string{"--lang", "en"}, nil, "Read and ask:"},
		{[]string{"help", "pull"}, map[string]string{"SAVOIRS_LANG": "en"}, "Usage:"},
		{[]string{"pull", "--help"}, map[string]string{"LANG": "en_US.UTF-8"}, "Usage:"},
		{[]string{"pull", "--help"}, nil, "Utilisation"},
	} {
		r := try(t, c.env, c.args...)
		if r.exit != 0 || !strings.Contains(r.out.String(), c.want) {
			t.Errorf("%v: exit %d, %q lacks %q", c.args, r.exit, r.out.String(), c.want)
		}
	}
}

func TestForeignTextCannotActOnTheTerminal(t *testing.T) {
	for text, want := range map[string]string{
		"a\x1b[31mred\x1b]0;title\x07":     "a[31mred]0;title",
		"jardin\u202egnp.exe":              "jardingnp.exe",
		"line\nand\ttab\r\x00\u009b2J":     "line\nand\ttab2J",
		"« été » \u00a0Kréyòl 👩\u200d🌾 ok": "« été » \u00a0Kréyòl 👩\u200d🌾 ok",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestACommandLineIsQuotedSoThatItCanBePasted(t *testing.T) {
	got := commandLine([]string{"ask", "l'eau", "", "a b", "--in=x"})
	if want := `savoirs ask 'l'\''eau' '' 'a b' --in=x`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestCompletionIsWrittenForEachShell(t *testing.T) {
	for _, sh := range []string{"bash", "zsh", "fish"} {
		if r := try(t, nil, "completion", sh); r.exit != 0 || !strings.Contains(r.out.String(), "savoirs") {
			t.Errorf("%s: exit %d, %d bytes", sh, r.exit, r.out.Len())
		}
	}
}

func TestVersionWorksWithABrokenConfiguration(t *testing.T) {
	env := map[string]string{"SAVOIRS_CONFIG": "/nowhere/config.toml"}
	if r := try(t, env, "version", "--json"); r.exit != 0 || !json.Valid(r.out.Bytes()) {
		t.Errorf("exit %d: %s%s", r.exit, r.out.String(), r.err.String())
	}
	if r := try(t, env, "status"); r.exit != exitUsage {
		t.Errorf("status took no notice: exit %d", r.exit)
	}
}
