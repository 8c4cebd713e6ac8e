package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"savoirs/node/words"
)

// run does what one command line says and returns the exit code.
func (s *shell) run(args []string) int {
	s.prepare(args)
	ctx, stop := s.interruptible(context.Background())
	defer stop()
	root := s.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if errors.Is(context.Cause(ctx), errInterrupted) {
		err = newFault("interrupted", exitInterrupted)
	}
	return s.report(err)
}

// prepare finds what must be known before commands can be named: the language,
// and for it the configuration file.
func (s *shell) prepare(args []string) {
	early := pflag.NewFlagSet("", pflag.ContinueOnError)
	early.ParseErrorsAllowlist.UnknownFlags = true
	early.Usage = func() {}
	lang, data, file := early.String("lang", "", ""), early.String("data", "", ""), early.String("config", "", "")
	early.BoolVar(&s.json, "json", false, "")
	early.BoolP("help", "h", false, "")
	early.Parse(args) // the commands parse again and tell what is wrong

	s.resume = commandLine(args)
	s.words = words.Load(words.Pick(*lang, s.places.env))
	s.set = newSettings(func(name string) string { return "flag." + name })
	if *data == "" {
		*data = s.places.env(envPrefix + "DATA")
	}
	if *data == "" {
		*data = s.places.data()
	}
	var names []string
	s.set.flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	s.file, s.fileErr = readConfig(*file, *data, s.places, names)
	if lang := words.Pick(*lang, s.langEnv); lang != s.words.Lang {
		s.words = words.Load(lang)
	}
	s.set.flags.VisitAll(func(f *pflag.Flag) { f.Usage = s.say(f.Usage) })
}

// langEnv is the environment as the choice of a language sees it: the file
// stands between SAVOIRS_LANG and the locale.
func (s *shell) langEnv(name string) string {
	v := s.places.env(name)
	if chosen, ok := s.file.values["lang"].(string); ok && name == envPrefix+"LANG" && v == "" {
		return chosen
	}
	return v
}

// commandLine is what to type to do the same again.
func commandLine(args []string) string {
	quoted := []string{"savoirs"}
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`!*?&|;<>()[]{}~#") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted = append(quoted, a)
	}
	return strings.Join(quoted, " ")
}

// root is the tree of commands.
func (s *shell) root() *cobra.Command {
	root := s.command("root", nil, nil)
	root.Use = "savoirs"
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		s.subject = strings.Join(args, " ")
		if s.fileErr != nil && !needsNoSettings(cmd) {
			return s.fileErr
		}
		return s.set.resolve(s.file, s.places)
	}
	f := root.PersistentFlags()
	f.AddFlag(s.set.flags.Lookup("data"))
	f.AddFlag(s.set.flags.Lookup("lang"))
	f.String("config", "", s.say("flag.config"))
	f.StringVar(&s.set.API, "api", s.places.env(envPrefix+"API"), s.say("flag.api"))
	f.BoolVar(&s.json, "json", false, s.say("flag.json"))
	f.BoolVarP(&s.quiet, "quiet", "q", false, s.say("flag.quiet"))
	f.BoolVarP(&s.verbose, "verbose", "v", false, s.say("flag.verbose"))
	f.BoolVar(&s.noColour, "no-color", s.places.env("NO_COLOR") != "", s.say("flag.no-color"))
	f.BoolP("help", "h", false, s.say("flag.help"))
	help := helpCmd(s)
	grouped := func(name string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: name, Title: s.say("say.help.group." + name)})
		for _, c := range commands {
			c.GroupID = name
			root.AddCommand(c)
		}
	}
	grouped("use", askCmd(s), searchCmd(s), listCmd(s), showCmd(s))
	grouped("library", addCmd(s), publishCmd(s), pullCmd(s), pinCmd(s), unpinCmd(s), rmCmd(s), verifyCmd(s))
	grouped("node", initCmd(s), serveCmd(s), statusCmd(s), peersCmd(s), meshCmd(s), pledgeCmd(s))
	grouped("stick", stickCmd(s), inboxCmd(s), trustCmd(s), untrustCmd(s))
	grouped("models", modelCmd(s), adapterCmd(s), evalCmd(s))
	grouped("more", help, versionCmd(s), completionCmd(s))
	root.SetHelpCommand(help)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { s.help(cmd) })
	root.SetFlagErrorFunc(flagError)
	return root
}

// needsNoSettings are the commands that must work with a broken configuration.
func needsNoSettings(cmd *cobra.Command) bool {
	switch cmd.Name() {
	case "help", "version", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
		return true
	}
	return false
}

// command makes a command whose words are under cmd.<path>: short, long, args
// and examples. Without run it is a group, which shows its help.
func (s *shell) command(path string, args cobra.PositionalArgs, run func(*cobra.Command, []string) error) *cobra.Command {
	name := path[strings.LastIndexByte(path, '.')+1:]
	c := &cobra.Command{Use: strings.TrimSpace(name + " " + s.optional("cmd."+path+".args"))}
	c.Short, c.Long, c.Example = s.say("cmd."+path+".short"), s.optional("cmd."+path+".long"), s.optional("cmd."+path+".example")
	c.Args, c.RunE = args, run
	c.DisableFlagsInUseLine = true
	if run == nil {
		c.Args, c.RunE = cobra.ArbitraryArgs, s.group
	}
	return c
}

// optional is a sentence that a command may go without.
func (s *shell) optional(key string) string {
	if !s.words.Has(key) {
		return ""
	}
	return s.say(key)
}

// group runs when a command that only holds others is called: alone it shows
// them, with a word it does not know it says which are near.
func (s *shell) group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	near := nearest(args[0], names)
	if near != "" {
		near = cmd.CommandPath() + " " + near
	}
	return usageError("unknown_command", "name", args[0], "nearest", near, "help", cmd.CommandPath()+" --help")
}
