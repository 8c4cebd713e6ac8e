package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

func TestNoTestSleepsAndNothingRunsBeforeMain(t *testing.T) {
	everyFile(t, func(name string, f *ast.File, set *token.FileSet) {
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Name.Name == "init" && d.Recv == nil {
				t.Errorf("%s has an init function: nothing may happen before main", name)
			}
		}
		if strings.HasSuffix(name, "_test.go") {
			for _, pos := range sleeps(f) {
				t.Errorf("%s:%d sleeps and hopes: wait for the state itself, with a deadline", name, set.Position(pos).Line)
			}
		}
	})
}

// sleeps finds the calls of time.Sleep by a test, outside any loop: inside one
// it is the pause between two looks at a state, and a child process that has no
// test at hand may sleep until it is killed.
func sleeps(f *ast.File) []token.Pos {
	var found []token.Pos
	var above []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return true
		}
		above = append(above, n)
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Sleep" {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.ContainsFunc(above, hasTest) && !slices.ContainsFunc(above, isLoop) {
			found = append(found, n.Pos())
		}
		return true
	})
	return found
}

// hasTest says whether n is a function with a parameter of package testing.
func hasTest(n ast.Node) bool {
	var typ *ast.FuncType
	switch n := n.(type) {
	case *ast.FuncDecl:
		typ = n.Type
	case *ast.FuncLit:
		typ = n.Type
	default:
		return false
	}
	return slices.ContainsFunc(typ.Params.List, func(p *ast.Field) bool {
		t := p.Type
		if star, ok := t.(*ast.StarExpr); ok {
			t = star.X
		}
		sel, ok := t.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		x, ok := sel.X.(*ast.Ident)
		return ok && x.Name == "testing"
	})
}

func isLoop(n ast.Node) bool {
	switch n.(type) {
	case *ast.ForStmt, *ast.RangeStmt:
		return true
	}
	return false
}

func TestASleepIsFoundWhereATestHopes(t *testing.T) {
	const code = `package p
func TestA(t *testing.T) { time.Sleep(1) }
func wait(t testing.TB) { for !ok() { time.Sleep(1) } }
func child() { time.Sleep(1) }
func TestB(t *testing.T) { t.Run("x", func(t *testing.T) { time.Sleep(1) }) }`
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "p_test.go", code, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, pos := range sleeps(f) {
		lines = append(lines, set.Position(pos).Line)
	}
	if !slices.Equal(lines, []int{2, 5}) {
		t.Errorf("found on lines %v, want 2 and 5", lines)
	}
}
