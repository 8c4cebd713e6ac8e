package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"

	"savoirs/node"
)

// Ports and places a node has when nobody says otherwise.
const (
	defaultHTTP = "127.0.0.1:7117"
	envPrefix   = "SAVOIRS_"
)

// settings are what a person may set by flag, by environment (SAVOIRS_ and the
// name in capitals, hyphens as underscores) or in the configuration file, under
// one name everywhere. The first of flag, environment, file and default wins.
type settings struct {
	Data       string
	HTTP       string
	Listen     []string
	MDNS       bool
	Peers      []string
	Territory  string
	Name       string
	Lang       string
	OllamaHost string
	Engine     string
	Chat       string
	Embed      string
	AskOthers  bool
	FreeFloor  size
	Log        string

	File string // the configuration file read, "" when there is none
	API  string // not in the file: another node to speak to

	flags *pflag.FlagSet // one flag for each name above, shared with the commands
}

// newSettings returns the defaults. usage gives the words of a flag by its name.
func newSettings(usage func(name string) string) *settings {
	s := &settings{flags: pflag.NewFlagSet("settings", pflag.ContinueOnError)}
	text := func(p *string, name, value string) { s.flags.StringVar(p, name, value, usage(name)) }
	text(&s.Data, "data", "")
	text(&s.HTTP, "http", defaultHTTP)
	s.flags.StringSliceVar(&s.Listen, "listen", node.DefaultListen(), usage("listen"))
	s.flags.BoolVar(&s.MDNS, "mdns", true, usage("mdns"))
	s.flags.StringSliceVar(&s.Peers, "peers", nil, usage("peers"))
	text(&s.Territory, "territory", "")
	text(&s.Name, "name", "")
	text(&s.Lang, "lang", "")
	text(&s.OllamaHost, "ollama-host", "")
	text(&s.Engine, "engine", "auto")
	text(&s.Chat, "chat", "")
	text(&s.Embed, "embed", "")
	s.flags.BoolVar(&s.AskOthers, "ask-others", false, usage("ask-others"))
	s.flags.Var(&s.FreeFloor, "free-floor", usage("free-floor"))
	text(&s.Log, "log", "auto")
	return s
}

// resolve fills every setting whose flag was not given from the environment,
// then from the file, and finds the data directory. Errors are faults
// with exit 2.
func (s *settings) resolve(file configFile, p places) error {
	var errs []error
	s.flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			return
		}
		errs = append(errs, s.fill(f, file, p))
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.File = file.path
	if s.Data == "" {
		s.Data = p.data()
	}
	return s.check()
}

func (s *settings) fill(f *pflag.Flag, file configFile, p places) error {
	name := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
	if v := p.env(name); v != "" {
		return set(f, v, name)
	}
	if v := p.env("OLLAMA_HOST"); v != "" && f.Name == "ollama-host" {
		return set(f, v, "OLLAMA_HOST")
	}
	v, ok := file.values[f.Name]
	if !ok {
		return nil
	}
	if list, ok := v.([]any); ok {
		return setList(f, list, file.path)
	}
	return set(f, fmt.Sprint(v), file.path)
}

func set(f *pflag.Flag, value, where string) error {
	if err := f.Value.Set(value); err != nil {
		return usageError("bad_setting", "name", f.Name, "value", value, "where", where)
	}
	return nil
}

func setList(f *pflag.Flag, values []any, where string) error {
	list, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return usageError("bad_setting", "name", f.Name, "value", fmt.Sprint(values), "where", where)
	}
	var texts []string
	for _, v := range values {
		texts = append(texts, fmt.Sprint(v))
	}
	return list.Replace(texts)
}

func (s *settings) check() error {
	oneOf := func(name, value string, allowed ...string) error {
		if slices.Contains(allowed, value) {
			return nil
		}
		return usageError("bad_choice", "name", name, "value", value, "choices", strings.Join(allowed, ", "))
	}
	return errors.Join(
		oneOf("engine", s.Engine, "auto", "none"),
		oneOf("log", s.Log, "auto", "debug", "info", "warn", "error"),
	)
}

// configFile is what one TOML file sets.
type configFile struct {
	path   string // "" when there is none
	values map[string]any
}

// readConfig reads the configuration file of these places: the one named by
// flag or environment, which must exist, else the first that exists of the
// data directory, the user's and the system's. names are the keys it may have.
func readConfig(flag, data string, p places, names []string) (configFile, error) {
	named := flag
	if named == "" {
		named = p.env(envPrefix + "CONFIG")
	}
	candidates := p.configs(data)
	if named != "" {
		candidates = []string{named}
	}
	for _, path := range candidates {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && named == "" {
			continue
		}
		if err != nil {
			return configFile{}, usageError("config_unreadable", "path", path, "problem", err.Error())
		}
		return parseConfig(path, string(b), names)
	}
	return configFile{}, nil
}

func parseConfig(path, text string, names []string) (configFile, error) {
	c := configFile{path: path}
	if _, err := toml.Decode(text, &c.values); err != nil {
		var syntax toml.ParseError
		line := "?"
		if errors.As(err, &syntax) {
			line = fmt.Sprint(syntax.Position.Line)
		}
		return configFile{}, usageError("config_syntax", "path", path, "line", line, "problem", err.Error())
	}
	for key := range c.values {
		if !slices.Contains(names, key) {
			return configFile{}, usageError("unknown_key", "key", key, "path", path, "nearest", nearest(key, names))
		}
	}
	return c, nil
}
