# Sourced by scripts that build for other machines than this one, with packages of Debian 12.
#
# rustc-web is a recent stable compiler and rust-web-src its library sources; cargo builds the target's library from
# them as part of the workspace. RUSTC_BOOTSTRAP admits the flag that asks for that; that our crates themselves need
# no unstable feature is what every other step shows.

# Installs what is missing of the packages named.
need() {
    local package missing=()
    for package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    # A source that fails to refresh matters only if the packages cannot be installed.
    apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# From here on, Debian's compiler and cargo, and nothing of rustup's.
use_debian_rust() {
    need rustc-web cargo-web rust-web-src
    unset RUSTFLAGS RUSTUP_TOOLCHAIN
    export PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1
    # Kept between runs: the library is most of the work. Cargo rebuilds it when the compiler changes.
    export CARGO_TARGET_DIR=${XDG_CACHE_HOME:-$HOME/.cache}/convoke-ci/target
    rustc --version
}
