package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"savoirs/node"
	"savoirs/node/api"
)

// Exit codes of errors that are made here; the others come with their error.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitIntegrity   = 6
	exitNoSpace     = 7
	exitIncomplete  = 10
	exitInterrupted = 130
)

// fault is an error found here, before or beside the node: it knows its own
// code and exit. The node's errors are classified by package api.
type fault struct{ known api.Error }

func (f *fault) Error() string { return f.known.Message }

// newFault names a code, for the sentences error.<code>.what, .safe and .next,
// and pairs of a name and a value that they need.
func newFault(code string, exit int, args ...string) error {
	e := api.Error{Code: code, Exit: exit, Message: code, Args: map[string]string{}}
	for i := 0; i+1 < len(args); i += 2 {
		e.Args[args[i]] = args[i+1]
		e.Message += fmt.Sprintf(" %s=%q", args[i], args[i+1])
	}
	return &fault{e}
}

// usageError is a mistake in a command line, a variable or a file.
func usageError(code string, args ...string) error { return newFault(code, exitUsage, args...) }

// classify finds the code, the exit and the values of any error.
func classify(err error) *api.Error {
	var own *fault
	if errors.As(err, &own) {
		return &own.known
	}
	e := api.Classify(err)
	if errors.Is(err, api.ErrCut) || e.Code == string(node.Interrupted) {
		// Not by the person of this command: the node stopped under it.
		return &api.Error{Code: "cut", Exit: exitIncomplete, Message: e.Message}
	}
	return e
}

// report tells a person, or with --json a program, what happened, what is safe
// and what to do next, and returns the exit code.
func (s *shell) report(err error) int {
	e := classify(err)
	what, safe, next := s.explain(e)
	if s.json {
		b := json.NewEncoder(s.err)
		b.SetEscapeHTML(false)
		b.Encode(map[string]any{"error": map[string]any{ // the exit code says it too
			"code": e.Code, "exit": e.Exit, "message": e.Message, "what": what, "safe": safe, "next": next,
		}})
		return e.Exit
	}
	fmt.Fprintln(s.err, s.say("say.error", "what", what))
	for _, text := range []string{safe, next} {
		if text != "" {
			fmt.Fprintln(s.err, "  "+strings.ReplaceAll(text, "\n", "\n  "))
		}
	}
	if s.verbose && e.Message != "" {
		fmt.Fprintln(s.err, "  "+s.say("say.detail", "detail", e.Message))
	}
	return e.Exit
}

// explain finds the three sentences of an error, those of an internal error
// when its code has none.
func (s *shell) explain(e *api.Error) (what, safe, next string) {
	args := []any{"detail", e.Message, "subject", s.subject, "command", s.resume, "data", s.set.Data, "address", s.address()}
	var known []any
	for name, value := range e.Args {
		if bytes, err := strconv.ParseInt(value, 10, 64); err == nil && namesBytes(e.Code) {
			value = s.words.Bytes(bytes)
		}
		known = append(known, name, orElse(value, "-"))
	}
	args = append(known, args...) // the first of a name counts
	key := "error." + e.Code
	switch {
	case e.Args["nearest"] != "":
		key += "_near"
	case !s.words.Has(key + ".what"):
		key = "error.internal"
	}
	part := func(name string) string {
		if !s.words.Has(key + name) {
			return ""
		}
		return s.say(key+name, args...)
	}
	return part(".what"), part(".safe"), part(".next")
}

// namesBytes tells whether the numbers of an error are sizes.
func namesBytes(code string) bool {
	switch node.Reason(code) {
	case node.NoSpace, node.InboxFull, node.StickFull, node.StickMax:
		return true
	}
	return false
}

// flagError gives the mistakes pflag finds our codes and words.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var lacking *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		name := unknown.GetSpecifiedName()
		shown := "--" + name
		if unknown.GetSpecifiedShortnames() != "" {
			shown = "-" + name
		}
		near := nearest(name, names)
		if near != "" {
			near = "--" + near
		}
		return usageError("unknown_flag", "flag", shown, "nearest", near, "help", cmd.CommandPath()+" --help")
	case errors.As(err, &lacking):
		return usageError("flag_needs_value", "flag", "--"+lacking.GetFlag().Name, "help", cmd.CommandPath()+" --help")
	case errors.As(err, &invalid):
		return usageError("bad_flag", "flag", "--"+invalid.GetFlag().Name, "value", invalid.GetValue(), "help", cmd.CommandPath()+" --help")
	}
	return usageError("bad_command_line", "problem", err.Error(), "help", cmd.CommandPath()+" --help")
}

// between refuses a command line with fewer or more arguments.
func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usageError("missing_argument", "usage", cmd.UseLine(), "help", cmd.CommandPath()+" --help")
		case len(args) > most:
			return usageError("extra_argument", "argument", args[most], "usage", cmd.UseLine())
		}
		return nil
	}
}
