//! The attribute `#[polyproc::main]`: use it through the crate `polyproc`.
#![forbid(unsafe_code)]

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// Marks where a child process takes over: at the top of `main`.
///
/// ```ignore
/// #[polyproc::main]
/// fn main() { /* … */ }
/// ```
/// is `fn main() { polyproc::init(); … }`. Above an attribute that makes `main` run in a runtime
/// (`#[tokio::main]`), it takes over before the runtime starts.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, function: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        return error("`#[polyproc::main]` takes no arguments");
    }
    match Main::read(function) {
        Ok(main) => main.wrapped(),
        Err(message) => error(message),
    }
}

/// The function taken apart, as far as needed.
struct Main {
    /// Attributes, visibility, `async`, `fn`.
    before: Vec<TokenTree>,
    /// From `->` up to the body.
    returns: TokenStream,
    body: TokenTree,
}

impl Main {
    fn read(function: TokenStream) -> Result<Self, &'static str> {
        let mut tokens: Vec<TokenTree> = function.into_iter().collect();
        let is_word = |token: &TokenTree, word| matches!(token, TokenTree::Ident(ident) if ident.to_string() == word);
        let keyword = tokens.iter().position(|token| is_word(token, "fn"));
        let keyword = keyword.ok_or("`#[polyproc::main]` belongs on `fn main`")?;
        let has_runtime =
            tokens[..keyword].iter().any(|token| matches!(token, TokenTree::Punct(_)));
        if tokens[..keyword].iter().any(|token| is_word(token, "async")) && !has_runtime {
            return Err("an async `main` needs its runtime's attribute below `#[polyproc::main]`");
        }
        let body = tokens.pop().ok_or("`fn main` has no body")?;
        let after = tokens.split_off(keyword + 1);
        match after.as_slice() {
            [name, TokenTree::Group(parameters), returns @ ..] if is_word(name, "main") => {
                if !parameters.stream().is_empty() {
                    return Err("`fn main` takes no arguments");
                }
                Ok(Self { before: tokens, returns: returns.iter().cloned().collect(), body })
            }
            _ => Err("`#[polyproc::main]` belongs on `fn main`"),
        }
    }

    /// `fn main() -> R { ::polyproc::init(); <attributes> fn inner() -> R { … } inner() }`.
    fn wrapped(self) -> TokenStream {
        let inner = Ident::new("polyproc_main", Span::call_site());
        let none = TokenTree::Group(Group::new(Delimiter::Parenthesis, TokenStream::new()));
        let mut body: TokenStream = parse("::polyproc::init();");
        body.extend(self.before);
        body.extend([TokenTree::Ident(inner.clone()), none.clone()]);
        body.extend(self.returns.clone());
        body.extend([self.body, TokenTree::Ident(inner), none]);
        let mut outer = parse("fn main()");
        outer.extend(self.returns);
        outer.extend([TokenTree::Group(Group::new(Delimiter::Brace, body))]);
        outer
    }
}

fn error(message: &str) -> TokenStream {
    parse(&format!("::core::compile_error!({message:?});"))
}

#[expect(clippy::expect_used, reason = "only called with text from this file")]
fn parse(code: &str) -> TokenStream {
    code.parse().expect("valid tokens")
}
