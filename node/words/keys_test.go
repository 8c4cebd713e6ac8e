package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// usedKeys reads the code that speaks to people. A string that looks like a
// key is one; a key cut at a dot ("say.stage.") stands for all below it.
func usedKeys(t *testing.T) (keys, prefixes map[string]bool) {
	t.Helper()
	keys, prefixes = map[string]bool{}, map[string]bool{}
	form := regexp.MustCompile(`^(say|web|flag|cmd|error)\.[a-z0-9_.-]*$`)
	inCode(t, []string{"../../cmd/savoirs", "../web"}, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.BasicLit:
			text, err := strconv.Unquote(n.Value)
			switch {
			case n.Kind != token.STRING || err != nil || !form.MatchString(text):
			case strings.HasSuffix(text, "."):
				prefixes[text] = true
			default:
				keys[text] = true
			}
		case *ast.CallExpr: // the words of a page, and the codes of errors
			if name, text := calls(n); text != "" {
				switch name {
				case "T":
					keys["web."+text] = true
				case "usageError", "newFault":
					keys["error."+text+".what"] = true
				}
			}
		}
	})
	pages, err := filepath.Glob("../web/pages/*.html")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages found", err)
	}
	for _, page := range pages {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\.T "([a-z0-9_]+)"`).FindAllStringSubmatch(string(b), -1) {
			keys["web."+m[1]] = true
		}
	}
	return keys, prefixes
}

// calls returns the name of a called function and its first argument when that
// is a string.
func calls(c *ast.CallExpr) (name, text string) {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	if len(c.Args) == 0 {
		return name, ""
	}
	lit, ok := c.Args[0].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return name, ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return name, ""
	}
	return name, text
}

func inCode(t *testing.T, dirs []string, see func(ast.Node)) {
	t.Helper()
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no code in %s: %v", dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool { see(n); return true })
		}
	}
}

func TestEveryKeyUsedInTheCodeExists(t *testing.T) {
	pack := Load(Source)
	keys, prefixes := usedKeys(t)
	for key := range keys {
		if !pack.Has(key) && !pack.Has(key+".what") {
			t.Errorf("no words for %s", key)
		}
	}
	for prefix := range prefixes {
		found := false
		for key := range pack.texts[0] {
			found = found || strings.HasPrefix(key, prefix)
		}
		if !found {
			t.Errorf("no words below %s", prefix)
		}
	}
}

func TestNoWordsAreLeftUnused(t *testing.T) {
	keys, prefixes := usedKeys(t)
	codes := map[string]bool{}
	for _, code := range errorCodes(t) {
		codes[code] = true
	}
	for key := range read(Source) {
		base := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
		used := keys[base]
		for prefix := range prefixes {
			used = used || prefix != "error." && strings.HasPrefix(base, prefix)
		}
		if rest, ok := strings.CutPrefix(base, "error."); ok {
			code, _, _ := strings.Cut(rest, ".")
			used = codes[code] || codes[strings.TrimSuffix(code, "_near")] || keys["error."+code+".what"] || keys["error."+strings.TrimSuffix(code, "_near")+".what"]
		}
		if !used {
			t.Errorf("nobody says %s", key)
		}
	}
}

func TestEveryErrorOfANodeHasWords(t *testing.T) {
	pack := Load(Source)
	for _, code := range errorCodes(t) {
		if !pack.Has("error." + code + ".what") {
			t.Errorf("no words for the error %s", code)
		}
	}
}

// errorCodes are the reasons of package node and the codes of what speaks for it.
func errorCodes(t *testing.T) []string {
	t.Helper()
	var codes []string
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			code, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, code)
		}
	}
	inCode(t, []string{".."}, func(n ast.Node) {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Reason" {
				add(v.Values[0])
			}
		}
	})
	if len(codes) == 0 {
		t.Fatal("package node has no reasons")
	}
	inCode(t, []string{"../api", "../../cmd/savoirs"}, func(n ast.Node) {
		if kv, ok := n.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "Code" {
				add(kv.Value)
			}
		}
	})
	return codes
}
