package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "savoirs/"

// star says which of our own packages a package may import; a name ending in a
// slash stands for all below it. Packages not named may import what the nearest
// folder above them may.
//
//	         cmd/savoirs
//	        /     |     \
//	  node/api    |    node/web
//	        \     |     /
//	             node
//	   /      |     |      |      \
//	store  catalog stick  p2p    rag
var star = map[string][]string{
	"store":          {"store/twosum"},
	"store/twosum":   {},
	"store/catalog":  {},
	"store/stick":    {},
	"p2p":            {},
	"p2p/linktest":   {},
	"p2p/attacktest": {},
	"rag":            {"rag/"},
	"node":           {"store", "store/catalog", "store/stick", "p2p", "rag/"},
	"node/words":     {},
	"node/api":       {"node", "rag", "store/catalog", "p2p"},
	"node/web":       {"node", "node/words", "rag", "store/catalog", "p2p"},
	"node/nodetest":  {"node", "rag/ragtest"},
	"cmd/savoirs":    {"node", "node/api", "node/web", "node/words", "rag", "rag/engine", "rag/extract"},
	"cmd/bench":      {"node", "node/api", "store", "store/catalog", "store/stick", "p2p", "p2p/linktest", "p2p/attacktest", "rag/"},
	"deploy":         {"node", "node/api", "rag/"},
}

// inTests are what tests may import besides: "" stands for those of any package.
var inTests = map[string][]string{
	"":         {"node/nodetest", "rag/ragtest", "p2p/linktest", "p2p/attacktest", "rag/zim/zimtest"},
	"node/web": {"node/api"}, // pages are tried behind the handler that serves them
}

// everyFile calls see with each Go file of the module and its path in it.
func everyFile(t *testing.T, see func(name string, f *ast.File, set *token.FileSet)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "build") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		see(filepath.ToSlash(rel), f, set)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// allowed finds the rule of a package: its own, else that of a folder above.
func allowed(pkg string) (list []string, ok bool) {
	for ; pkg != "."; pkg = path.Dir(pkg) {
		if list, ok := star[pkg]; ok {
			return list, true
		}
	}
	return nil, false
}

// forbidden says what is wrong with a file of package pkg importing target, ""
// when nothing is.
func forbidden(pkg, file, target string) string {
	if strings.HasSuffix(file, "_test.go") && (target == pkg || slices.Contains(inTests[""], target) || slices.Contains(inTests[pkg], target)) {
		return ""
	}
	list, ok := allowed(pkg)
	if !ok {
		return fmt.Sprintf("%s is in %s, a package the star has no place for", file, pkg)
	}
	for _, a := range list {
		if a == target || strings.HasSuffix(a, "/") && (strings.HasPrefix(target, a) || target+"/" == a) {
			return ""
		}
	}
	return fmt.Sprintf("%s imports %s, and %s may not: packages meet in node, never behind its back", file, target, pkg)
}

func TestPackagesImportOneAnotherAsTheStarAllows(t *testing.T) {
	seen := map[string]bool{}
	everyFile(t, func(name string, f *ast.File, _ *token.FileSet) {
		pkg := path.Dir(name)
		seen[pkg] = true
		for _, imp := range f.Imports {
			target, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if target, ours := strings.CutPrefix(target, module); ours {
				if wrong := forbidden(pkg, name, target); wrong != "" {
					t.Error(wrong)
				}
			}
		}
	})
	if !seen["cmd/savoirs"] || !seen["node/words"] {
		t.Fatalf("the walk saw only %v", seen)
	}
}

func TestTheStarRefusesWhatItShould(t *testing.T) {
	for _, c := range []struct {
		pkg, file, target string
		wrong             bool
	}{
		{"store", "store/add.go", "store/catalog", true},
		{"store/catalog", "store/catalog/add.go", "store", true},
		{"store", "store/add.go", "store/stick", true},
		{"store/stick", "store/stick/walk.go", "store", true},
		{"store/stick", "store/stick/walk.go", "store/catalog", true},
		{"node", "node/stick.go", "store/stick", false},
		{"p2p", "p2p/mesh.go", "rag", true},
		{"rag/extract", "rag/extract/pdf.go", "store", true},
		{"rag/engine", "rag/engine/embed.go", "rag", false},
		{"rag", "rag/rag.go", "rag/extract", false},
		{"node", "node/add.go", "rag/engine", false},
		{"node", "node/add.go", "node/words", true},
		{"node/web", "node/web/ask.go", "store", true},
		{"node/web", "node/web/browser_test.go", "node/api", false},
		{"node/web", "node/web/ask.go", "node/api", true},
		{"node/api", "node/api/error.go", "node/web", true},
		{"cmd/savoirs", "cmd/savoirs/pull.go", "p2p", true},
		{"cmd/savoirs", "cmd/savoirs/pull_test.go", "node/nodetest", false},
		{"cmd/savoirs", "cmd/savoirs/pull.go", "node/nodetest", true},
		{"surprise", "surprise/x.go", "node", true},
	} {
		if got := forbidden(c.pkg, c.file, c.target); (got != "") != c.wrong {
			t.Errorf("%s imports %s: %q, want refused %v", c.file, c.target, got, c.wrong)
		}
	}
}
