package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func helpCmd(s *shell) *cobra.Command {
	return s.command("help", nil, func(cmd *cobra.Command, args []string) error {
		target, rest, err := cmd.Root().Find(args)
		if err != nil || len(rest) > 0 && !target.HasParent() {
			return s.group(cmd.Root(), args)
		}
		return target.Help()
	})
}

// help writes what a command does, how it is called and what it can be told.
func (s *shell) help(cmd *cobra.Command) {
	w := s.out
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprintf(w, "%s\n\n%s\n  %s\n", strings.TrimSpace(text), s.strong(s.say("say.help.usage")), usageLine(cmd, s.say("say.help.command")))
	for _, g := range cmd.Groups() {
		commandHelp(w, s.strong(g.Title), cmd, g.ID)
	}
	if len(cmd.Groups()) == 0 && cmd.HasAvailableSubCommands() {
		commandHelp(w, s.strong(s.say("say.help.commands")), cmd, "")
	}
	if cmd.Example != "" {
		fmt.Fprintf(w, "\n%s\n  %s\n", s.strong(s.say("say.help.examples")), strings.ReplaceAll(strings.TrimSpace(cmd.Example), "\n", "\n  "))
	}
	s.flagHelp(w, s.say("say.help.flags"), cmd.LocalNonPersistentFlags())
	global := cmd.InheritedFlags()
	if !cmd.HasParent() {
		global = cmd.PersistentFlags()
	}
	s.flagHelp(w, s.say("say.help.global"), global)
}

func commandHelp(w io.Writer, title string, parent *cobra.Command, group string) {
	fmt.Fprintf(w, "\n%s\n", title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range parent.Commands() {
		if c.GroupID == group {
			fmt.Fprintf(t, "  %-10s\t%s\n", c.Name(), c.Short)
		}
	}
	t.Flush()
}

func usageLine(cmd *cobra.Command, command string) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " " + command
	}
	return cmd.UseLine()
}

func (s *shell) flagHelp(w io.Writer, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(w, "\n%s\n", s.strong(title))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		short := "    "
		if f.Shorthand != "" {
			short = "-" + f.Shorthand + ", "
		}
		fmt.Fprintf(t, "  %s--%s\t%s\n", short, f.Name, f.Usage+s.byDefault(f))
	})
	t.Flush()
}

func (s *shell) byDefault(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "false", "[]", "0":
		return ""
	}
	return " " + s.say("say.help.default", "value", strings.Trim(f.DefValue, "[]"))
}
