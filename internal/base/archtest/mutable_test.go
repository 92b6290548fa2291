package archtest

import (
	"go/ast"
	"go/token"
)

// checkMutable refuses package variables that change: any that a production
// file of the package assigns, in whole or in part, and any of a type that is
// made to change (sync, atomic). What is left are tables, error values and
// embedded files. A variable of another package may not be assigned either.
func checkMutable(t *tree) {
	for _, pkg := range t.packages() {
		vars := map[string]bool{}
		for _, s := range pkg {
			t.collectVars(s, vars)
		}
		for _, s := range pkg {
			for _, d := range s.ast.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
					t.checkBody(s, f, vars)
				}
			}
		}
	}
}

func (t *tree) collectVars(s *source, vars map[string]bool) {
	for _, d := range s.ast.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for _, name := range v.Names {
				if name.Name == "_" {
					continue
				}
				vars[name.Name] = true
				if p := changing(v); p != "" {
					t.report(s, name, "mutable", "%s is of package %s", name.Name, p)
				}
			}
		}
	}
}

// changing names the package when a variable's type or value is of sync or
// atomic.
func changing(v *ast.ValueSpec) (pkg string) {
	look := func(e ast.Expr) {
		if c, ok := e.(*ast.CompositeLit); ok {
			e = c.Type
		}
		if i, ok := e.(*ast.IndexExpr); ok { // atomic.Pointer[T]
			e = i.X
		}
		if sel, ok := e.(*ast.SelectorExpr); ok {
			x, ok := sel.X.(*ast.Ident)
			if ok && (x.Name == "sync" || x.Name == "atomic") {
				pkg = x.Name
			}
		}
	}
	look(v.Type)
	for _, e := range v.Values {
		look(e)
	}
	return pkg
}

// checkBody looks for assignments to vars in one function.
func (t *tree) checkBody(s *source, f *ast.FuncDecl, vars map[string]bool) {
	local := locals(f)
	imported := map[string]bool{}
	for _, spec := range s.ast.Imports {
		imported[importName(spec)] = true
	}
	check := func(e ast.Expr) {
		id := root(e)
		switch {
		case id == nil || local[id.Name]:
		case vars[id.Name]:
			t.report(s, id, "mutable", "%s is assigned", id.Name)
		case imported[id.Name] && e != ast.Expr(id):
			t.report(s, id, "mutable", "a variable of package %s is assigned", id.Name)
		}
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				if n.Tok != token.DEFINE {
					check(e)
				}
			}
		case *ast.IncDecStmt:
			check(n.X)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				check(n.Key)
				check(n.Value)
			}
		case *ast.CallExpr:
			id, ok := n.Fun.(*ast.Ident)
			if ok && len(n.Args) > 0 && (id.Name == "delete" || id.Name == "clear" || id.Name == "copy") {
				check(n.Args[0])
			}
		}
		return true
	})
}

// root is the identifier that an assigned expression starts with, nil for none.
// What a pointer or a call's result leads to is not the variable itself.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// locals are the names that a function declares anywhere.
func locals(f *ast.FuncDecl) map[string]bool {
	out := map[string]bool{}
	add := func(e ast.Expr) {
		if id, ok := e.(*ast.Ident); ok {
			out[id.Name] = true
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				add(id)
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				add(id)
			}
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				if n.Tok == token.DEFINE {
					add(e)
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				add(n.Key)
				add(n.Value)
			}
		}
		return true
	})
	return out
}

// importName guesses a package's name from its path.
func importName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	p := importPath(spec)
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] == '/' {
			return p[i+1:]
		}
	}
	return p
}
