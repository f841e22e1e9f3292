#pragma once
/// \file
/// A vector whose elements lie in itself while they are few.

#include <cstddef>

#if __has_include(<xtensor/containers/xstorage.hpp>)  // xtensor 0.26 and later
#include <xtensor/containers/xstorage.hpp>
#else
#include <xtensor/xstorage.hpp>
#endif

#include <fulcrum/core/language.hpp>

namespace fulcrum {

/// For what is made anew in every run and has as many elements as a tensor has axes: up to 8 take nothing from the
/// heap.
template <class T>
using SmallVector = xt::svector<T, 8>;

}  // namespace fulcrum
