package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"unicode"

	"savoirs/node/api"
	"savoirs/node/words"
)

// shell is what the commands of one run share: the streams, the words and the
// settings. Results go to out, everything else to err.
type shell struct {
	in                    io.Reader
	out, err              io.Writer
	inTTY, outTTY, errTTY bool
	width                 func() int // columns of the terminal on err
	places                places

	words    words.Pack
	set      *settings
	file     configFile
	fileErr  error
	json     bool
	quiet    bool
	verbose  bool
	noColour bool
	resume   string // the command line to give again after an interruption
	subject  string // what the command is about: a reference, a path
}

// say is the sentence of key. Values may come from strangers: what could act
// on a terminal is taken out of them.
func (s *shell) say(key string, args ...any) string {
	for i := 1; i < len(args); i += 2 {
		if text, ok := args[i].(string); ok {
			args[i] = clean(text)
		}
	}
	return s.words.Say(key, args...)
}

// line writes a sentence to out.
func (s *shell) line(key string, args ...any) { fmt.Fprintln(s.out, s.say(key, args...)) }

// tell writes a sentence to err, unless the person wants quiet.
func (s *shell) tell(key string, args ...any) {
	if !s.quiet {
		fmt.Fprintln(s.err, s.say(key, args...))
	}
}

// object writes v to out as JSON, on one line unless a person is reading.
func (s *shell) object(v any) error {
	e := json.NewEncoder(s.out)
	e.SetEscapeHTML(false)
	if s.outTTY {
		e.SetIndent("", "  ")
	}
	return e.Encode(v)
}

// table writes rows as aligned columns to out.
func (s *shell) table(rows [][]string) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	flat := strings.NewReplacer("\n", " ", "\t", " ")
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = flat.Replace(clean(cell))
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	return w.Flush()
}

// strong makes text stand out where the terminal and the person allow it.
func (s *shell) strong(text string) string {
	if !s.outTTY || s.noColour {
		return text
	}
	return "\x1b[1m" + text + "\x1b[0m"
}

// clean takes out of foreign text what a terminal would obey or what would
// make it read otherwise than it is: control characters but tab and line feed,
// bidirectional overrides and invisible characters.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r) && r != '\u200d', r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
}

// addressFile, in the data directory, tells commands where their node is.
const addressFile = "http.addr"

// address is where the node of these settings answers: the one asked for, else
// the one that runs on this data directory, else the usual one.
func (s *shell) address() string {
	if s.set.API != "" {
		return s.set.API
	}
	b, err := os.ReadFile(filepath.Join(s.set.Data, addressFile))
	if addr := strings.TrimSpace(string(b)); err == nil && addr != "" {
		return addr
	}
	return s.set.HTTP
}

func (s *shell) client() *api.Client { return api.NewClient(s.address()) }
