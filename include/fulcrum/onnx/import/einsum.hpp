#pragma once
/// \file
/// Einsum as products of matrices: operands are multiplied two by two from the left, and what only the last result does
/// not have is summed as soon as no later operand has it.

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/steps.hpp>

namespace fulcrum::detail::onnx_io {

/// A value and a letter for each of its axes. The axes that an ellipsis stands for have capital letters that no term
/// of the equation uses.
struct EinsumTerm {
  NodeId value = 0;
  std::string axes;

  [[nodiscard]] bool has(char letter) const { return axes.find(letter) != std::string::npos; }
  [[nodiscard]] std::size_t at(char letter) const { return axes.find(letter); }
};

/// The sides of an equation: the operands' terms, and the result's.
struct EinsumEquation {
  std::vector<std::string> terms;
  std::string result;
};

class EinsumImport {
public:
  EinsumImport(ImportContext& context, const GraphNode& node) : context_(context), node_(node), steps_(context, node) {}

  [[nodiscard]] NodeId value() {
    EinsumEquation equation = parse(text_attribute(node_, "equation", ""));
    if (equation.terms.size() != node_.inputs.size()) {
      throw Error("attribute 'equation'", "has not one term for each input", "check the export");
    }
    std::vector<EinsumTerm> terms;
    for (std::size_t i = 0; i < equation.terms.size(); ++i) {
      terms.push_back(diagonal({context_.src(node_, i), equation.terms[i]}));
    }
    EinsumTerm product = summed(terms[0], 1, terms, equation.result);
    for (std::size_t i = 1; i < terms.size(); ++i) {
      const EinsumTerm next = summed(terms[i], i + 1, terms, equation.result + product.axes);
      product = multiplied(product, next, wanted_after(i + 1, terms, equation.result));
    }
    return arranged(product, equation.result);
  }

private:
  /// Letters of later operands and of the result.
  static std::string wanted_after(std::size_t next, const std::vector<EinsumTerm>& terms, const std::string& result) {
    std::string wanted = result;
    for (std::size_t i = next; i < terms.size(); ++i) wanted += terms[i].axes;
    return wanted;
  }

  /// The equation with a letter for each axis of each ellipsis, and with the result written out.
  [[nodiscard]] EinsumEquation parse(std::string text) {
    std::erase_if(text, [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; });
    const std::size_t arrow = text.find("->");
    const std::string left = text.substr(0, arrow);
    EinsumEquation equation;
    for (std::size_t start = 0; start <= left.size();) {
      const std::size_t end = std::min(left.find(',', start), left.size());
      equation.terms.push_back(left.substr(start, end - start));
      start = end + 1;
    }
    // Letters that no term uses, from the last axis of an ellipsis on.
    std::string free;
    for (char letter = 'A'; letter <= 'Z'; ++letter) {
      if (text.find(letter) == std::string::npos) free.push_back(letter);
    }
    std::size_t widest = 0;
    for (std::size_t i = 0; i < equation.terms.size() && i < node_.inputs.size(); ++i) {
      std::string& term = equation.terms[i];
      const std::size_t rank = context_.shape(context_.src(node_, i)).rank();
      const std::size_t dots = term.find("...");
      const std::size_t letters = term.size() - (dots == std::string::npos ? 0 : 3);
      if (letters > rank || (dots == std::string::npos && letters != rank) || rank - letters > free.size()) {
        throw Error("attribute 'equation'", "has the term '" + term + "' for an input of rank " + std::to_string(rank),
                    "check the export");
      }
      const std::size_t count = rank - letters;
      widest = std::max(widest, count);
      if (dots != std::string::npos) term.replace(dots, 3, reversed(free.substr(0, count)));
      for (const char c : term) expect_letter(c);
    }
    const std::string ellipsis = reversed(free.substr(0, widest));
    if (arrow == std::string::npos) {  // what stands once, by the alphabet
      std::string all;
      for (const std::string& term : equation.terms) all += term;
      for (char letter = 'A'; letter <= 'z'; ++letter) {
        const bool once = std::count(all.begin(), all.end(), letter) == 1;
        if (once && ellipsis.find(letter) == std::string::npos) equation.result.push_back(letter);
      }
      equation.result = ellipsis + equation.result;
      return equation;
    }
    equation.result = text.substr(arrow + 2);
    if (const std::size_t dots = equation.result.find("..."); dots != std::string::npos) {
      equation.result.replace(dots, 3, ellipsis);
    }
    for (const char c : equation.result) {
      expect_letter(c);
      const bool known = std::any_of(equation.terms.begin(), equation.terms.end(),
                                     [&](const std::string& term) { return term.find(c) != std::string::npos; });
      if (!known || std::count(equation.result.begin(), equation.result.end(), c) != 1) {
        throw Error("attribute 'equation'", std::string("has '") + c + "' in its result twice, or nowhere else");
      }
    }
    return equation;
  }

  static std::string reversed(std::string text) {
    std::reverse(text.begin(), text.end());
    return text;
  }
  static void expect_letter(char c) {
    if (std::isalpha(static_cast<unsigned char>(c)) == 0) {
      throw Error("attribute 'equation'", std::string("has '") + c + "' in it", "use letters, commas and an arrow");
    }
  }

  /// A letter that a term has twice takes the diagonal of both axes.
  [[nodiscard]] EinsumTerm diagonal(EinsumTerm term) {
    for (std::size_t i = 0; i < term.axes.size(); ++i) {
      const std::size_t other = term.axes.find(term.axes[i], i + 1);
      if (other == std::string::npos) continue;
      const TracedShape shape = context_.shape(term.value);
      if (shape.depends_on_batch(i) || shape.depends_on_batch(other) || shape.first[i] != shape.first[other]) {
        throw Error("attribute 'equation'",
                    std::string("takes a diagonal along '") + term.axes[i] + "' of axes that differ, or of the batch");
      }
      std::vector<std::int64_t> last;  // both axes to the end
      for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
        if (axis != i && axis != other) last.push_back(static_cast<std::int64_t>(axis));
      }
      last.push_back(static_cast<std::int64_t>(i));
      last.push_back(static_cast<std::int64_t>(other));
      const NodeId moved = steps_.transpose(term.value, std::move(last));
      const std::int64_t extent = shape.first[i];
      context_.reader.budget.charge(static_cast<std::size_t>(element_count({extent, extent})) * sizeof(double));
      Tensor<double> eye(Shape{extent, extent});
      for (std::int64_t k = 0; k < extent; ++k) eye.flat()[static_cast<std::size_t>(k * (extent + 1))] = 1.0;
      const NodeId zero = steps_.number(0.0F, context_.element(moved));
      const NodeId kept = steps_.where(steps_.known(std::move(eye), ElementType::boolean), moved, zero);
      term.value = steps_.reduce(ReduceKind::sum, kept, {-1}, false);
      const char letter = term.axes[i];
      std::erase(term.axes, letter);
      term.axes.push_back(letter);
      return diagonal(std::move(term));
    }
    return term;
  }

  /// Without the axes that neither later operands nor `result` have.
  [[nodiscard]] EinsumTerm summed(EinsumTerm term, std::size_t next, const std::vector<EinsumTerm>& terms,
                                  const std::string& result) {
    const std::string wanted = wanted_after(next, terms, result);
    std::vector<std::int64_t> gone;
    std::string kept;
    for (std::size_t axis = 0; axis < term.axes.size(); ++axis) {
      if (wanted.find(term.axes[axis]) == std::string::npos)
        gone.push_back(static_cast<std::int64_t>(axis));
      else
        kept.push_back(term.axes[axis]);
    }
    if (gone.empty()) return term;
    return {steps_.reduce(ReduceKind::sum, term.value, std::move(gone), false), kept};
  }

  /// The value with its axes in another order, and axes of extent 1 for letters that it has not.
  [[nodiscard]] NodeId arranged(const EinsumTerm& term, const std::string& order) {
    std::vector<std::int64_t> perm;
    for (const char letter : order) {
      if (term.has(letter)) perm.push_back(static_cast<std::int64_t>(term.at(letter)));
    }
    NodeId value = term.value;
    if (!std::is_sorted(perm.begin(), perm.end())) value = steps_.transpose(value, perm);
    TracedShape shape = context_.shape(value);
    for (std::size_t axis = 0; axis < order.size(); ++axis) {
      if (!term.has(order[axis])) shape = with_axis(std::move(shape), axis);
    }
    return steps_.reshape(value, shape);
  }

  /// Several axes of a value as one: those from `first` on, `count` of them.
  [[nodiscard]] TracedShape joined(const TracedShape& shape, std::size_t first, std::size_t count) {
    return traced_shape(shape, [&](const Shape& s) {
      Shape dims(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(first));
      std::int64_t extent = 1;
      for (std::size_t i = first; i < first + count; ++i) extent = element_count({extent, s[i]});
      dims.push_back(extent);
      dims.insert(dims.end(), s.begin() + static_cast<std::ptrdiff_t>(first + count), s.end());
      return dims;
    });
  }

  /// The product of two terms with the letters in `wanted`; the others that both have are summed.
  [[nodiscard]] EinsumTerm multiplied(const EinsumTerm& a, const EinsumTerm& b, const std::string& wanted) {
    std::string shared;  // of both, and kept: axes before the matrices
    std::string inner;   // of both, and summed
    std::string rows;    // of a alone
    std::string columns;
    const auto is_one = [&](const EinsumTerm& term, char letter) {  // broadcast
      const TracedShape& shape = context_.shape(term.value);
      return shape.first[term.at(letter)] == 1 && shape.second[term.at(letter)] == 1;
    };
    bool broadcasts = false;
    for (const char letter : a.axes) {
      const bool kept = wanted.find(letter) != std::string::npos;
      (!b.has(letter) ? rows : kept ? shared : inner).push_back(letter);
      broadcasts = broadcasts || (b.has(letter) && !kept && is_one(a, letter) != is_one(b, letter));
    }
    for (const char letter : b.axes) {
      if (!a.has(letter)) columns.push_back(letter);
    }
    const std::string all = shared + rows + columns;
    if (inner.empty() || broadcasts) {  // no sum of products: a product of elements, then perhaps a sum
      const std::string axes = all + inner;
      EinsumTerm product{steps_.mul(arranged(a, axes), arranged(b, axes)), axes};
      if (inner.empty()) return product;
      std::vector<std::int64_t> gone;
      for (std::size_t i = 0; i < inner.size(); ++i) gone.push_back(static_cast<std::int64_t>(all.size() + i));
      return {steps_.reduce(ReduceKind::sum, product.value, std::move(gone), false), all};
    }
    NodeId left = arranged(a, shared + rows + inner);
    NodeId right = arranged(b, shared + inner + columns);
    const TracedShape left_shape = context_.shape(left);
    const TracedShape right_shape = context_.shape(right);
    const std::size_t batch = shared.size();
    left = steps_.reshape(left, joined(joined(left_shape, batch + rows.size(), inner.size()), batch, rows.size()));
    right =
        steps_.reshape(right, joined(joined(right_shape, batch + inner.size(), columns.size()), batch, inner.size()));
    const NodeId product = steps_.layer("product", MatMul{}, {left, right});
    TracedShape whole = context_.shape(product);
    const auto spread = [&](Shape dims, const Shape& l, const Shape& r) {
      dims.resize(batch);
      dims.insert(dims.end(), l.begin() + static_cast<std::ptrdiff_t>(batch),
                  l.begin() + static_cast<std::ptrdiff_t>(batch + rows.size()));
      dims.insert(dims.end(), r.begin() + static_cast<std::ptrdiff_t>(batch + inner.size()), r.end());
      return dims;
    };
    const TracedShape dst{spread(whole.first, left_shape.first, right_shape.first),
                          spread(whole.second, left_shape.second, right_shape.second)};
    return {steps_.reshape(product, dst), all};
  }

  ImportContext& context_;
  const GraphNode& node_;
  Steps steps_;
};

inline void import_einsum(ImportContext& context, const GraphNode& node) {
  if (node.inputs.empty()) throw Error("", "has no input", "the file is damaged; export it again");
  context.define(node, 0, EinsumImport(context, node).value());
}

}  // namespace fulcrum::detail::onnx_io
