package main

import (
	"log/slog"
	"os"

	"savoirs/node"
	"savoirs/rag/engine"
)

// nodeOptions are what the settings say of a node.
func (s *shell) nodeOptions(log *slog.Logger) node.Options {
	self := executable()
	o := node.Options{
		Dir: s.set.Data, Version: version, Territory: s.set.Territory, Name: s.set.Name, Lang: s.set.Lang,
		Listen: s.set.Listen, MDNS: s.set.MDNS, Static: s.set.Peers,
		Chat: s.set.Chat, Embed: s.set.Embed, AskOthers: s.set.AskOthers,
		PDF: []string{self, pdfChild}, FreeFloor: int64(s.set.FreeFloor), Log: log,
	}
	o.OllamaHost, o.Engine = s.engine(self)
	return o
}

// executable is this binary, which starts itself for its children.
func executable() string {
	self, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return self
}

// engine is the Ollama to look for and the command of the embedded engine.
func (s *shell) engine(self string) (host string, command []string) {
	switch {
	case s.set.Engine == "none":
		return "none", nil
	case engine.Embedded:
		return s.set.OllamaHost, []string{self, "engine"}
	}
	return s.set.OllamaHost, nil
}

// logger writes to err, as much as -q, -v or the settings want; auto is for
// when they want nothing in particular.
func (s *shell) logger(auto slog.Level) *slog.Logger {
	level := auto
	switch {
	case s.verbose:
		level = slog.LevelDebug
	case s.quiet:
		level = slog.LevelError
	case s.set.Log != "auto":
		level.UnmarshalText([]byte(s.set.Log)) // one of the levels: settings.check said so
	}
	return slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
}
