package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"savoirs/node"
)

// completeRefs lets a shell complete the references of the running node's items
// that fit. Without a node there is nothing to propose.
func (s *shell) completeRefs(c *cobra.Command, fits func(node.Item) bool) *cobra.Command {
	c.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 || s.set.resolve(s.file, s.places) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
		defer cancel()
		items, err := s.client().List(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var refs []string
		for _, it := range items {
			if fits(it) && strings.HasPrefix(it.Ref, begun) {
				refs = append(refs, it.Ref+"\t"+clean(it.Title))
			}
		}
		return refs, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

func anyItem(node.Item) bool      { return true }
func isHere(it node.Item) bool    { return it.Here }
func isOffer(it node.Item) bool   { return !it.Here }
func isPrivate(it node.Item) bool { return it.Scope == node.ScopePrivate }
